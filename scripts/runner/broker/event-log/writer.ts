import type { DatabaseSync } from 'node:sqlite';

interface Write {
  run: () => void;
  isSynced: boolean;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * Writes asked for in one turn of the event loop share one transaction; a write resolves after its commit.
 * @param settled called after each transaction, before its writes resolve
 */
export function openWriter(db: DatabaseSync, settled: (isCommitted: boolean) => void) {
  const begin = db.prepare('BEGIN IMMEDIATE');
  const end = db.prepare('COMMIT');
  let batch: Write[] = [];
  let synchronous = '';

  function write(run: () => void, { isSynced = true } = {}): Promise<void> {
    if (batch.length === 0) setImmediate(commit);
    return new Promise((resolve, reject) => batch.push({ run, isSynced, resolve, reject }));
  }

  /** NORMAL writes the same as FULL, and leaves it to the next FULL to sync it: what is lost is whole transactions, the last ones. */
  // https://www.sqlite.org/pragma.html#pragma_synchronous
  function use(wanted: 'FULL' | 'NORMAL') {
    if (wanted === synchronous) return;
    db.exec(`PRAGMA synchronous = ${wanted}`);
    synchronous = wanted;
  }

  function commit() {
    const writes = batch;
    batch = [];
    if (writes.length === 0) return;
    try {
      use(writes.some(({ isSynced }) => isSynced) ? 'FULL' : 'NORMAL');
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
    for (const { resolve } of writes) resolve();
  }

  return { write, commit };
}
