import { closeSync, fdatasync, openSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';

/** Brings what is committed to the disk. */
export interface Disk {
  /** Resolves when all that was committed before is there; calls that come meanwhile share the next turn. */
  synced(): Promise<void>;
  /** After the database's own close, which has synced all. */
  close(): void;
}

/**
 * Syncs the write-ahead log on another thread: SQLite's own sync after each transaction (`synchronous = FULL`) holds the event loop up for
 * a millisecond, 200 times a second. With NORMAL it syncs around checkpoints, so that the log never begins again before all of it is on the disk.
 * https://www.sqlite.org/pragma.html#pragma_synchronous
 */
export function openDisk(
  db: DatabaseSync,
  wal: string,
  sync: (fd: number, done: (error: Error | null) => void) => void = fdatasync,
): Disk {
  db.exec('PRAGMA synchronous = NORMAL');
  const file = openSync(wal, 'r+');
  let next: PromiseWithResolvers<void> | undefined;
  let isUnderWay = false;
  let isClosed = false;
  /** What a failed sync should have written may never be: the log cannot be relied on from there. */
  let isDoubtful = false;

  function begin() {
    if (!next || isUnderWay) return;
    const { resolve, reject } = next;
    next = undefined;
    isUnderWay = true;
    sync(file, (error) => {
      isUnderWay = false;
      isDoubtful ||= error !== null;
      try {
        if (isDoubtful && !isClosed) moveAll();
        resolve();
      } catch (cause) {
        reject(cause);
      }
      if (isClosed) closeSync(file);
      else begin();
    });
  }

  /** Into the database's own file, with SQLite's own syncs, and lets the log begin again. */
  function moveAll() {
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    isDoubtful = false;
  }

  return {
    synced() {
      next ??= Promise.withResolvers();
      const { promise } = next;
      begin();
      return promise;
    },
    close() {
      isClosed = true;
      next?.resolve();
      if (!isUnderWay) closeSync(file);
    },
  };
}
