import type { DatabaseSync } from 'node:sqlite';
import type { Disk } from './disk.ts';

interface Write {
  run: () => void;
  /** Without it, a power cut may undo the write. */
  isSynced: boolean;
  resolve: (written: void | Promise<void>) => void;
  reject: (error: unknown) => void;
}

const LONGEST_WAIT_MS = 5;
const MOST_WAITING = 25;

/**
 * Writes asked for in one turn of the event loop share one transaction; a write resolves after its commit or, unless asked otherwise, when
 * that is on the disk.
 * @param settled called after each transaction, before its writes resolve
 */
export function openWriter(db: DatabaseSync, disk: Disk, settled: (isCommitted: boolean) => void) {
  const begin = db.prepare('BEGIN IMMEDIATE');
  const end = db.prepare('COMMIT');
  let batch: Write[] = [];
  let isScheduled = false;
  let waiting: NodeJS.Timeout | undefined;

  /** @param mayWait for some milliseconds, for a transaction of others: one for each delivery that is over takes half of the Broker's time */
  function write(run: () => void, { isSynced = true, mayWait = false } = {}): Promise<void> {
    const written = new Promise<void>((resolve, reject) => batch.push({ run, isSynced, resolve, reject }));
    if (mayWait && batch.length < MOST_WAITING) waiting ??= setTimeout(commit, LONGEST_WAIT_MS);
    else if (!isScheduled) setImmediate(commit);
    isScheduled ||= !mayWait || batch.length >= MOST_WAITING;
    return written;
  }

  function commit() {
    const writes = batch;
    batch = [];
    isScheduled = false;
    clearTimeout(waiting);
    waiting = undefined;
    if (writes.length === 0) return;
    try {
      begin.run();
      for (const { run } of writes) run();
      end.run();
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      settled(false);
      for (const { reject } of writes) reject(error);
      return;
    }
    settled(true);
    const synced = writes.some(({ isSynced }) => isSynced) ? disk.synced() : undefined;
    for (const { isSynced, resolve } of writes) resolve(isSynced ? synced : undefined);
  }

  return { write, commit };
}
