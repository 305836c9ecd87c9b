import type { DatabaseSync } from 'node:sqlite';

interface Write {
  run: () => void;
  isSynced: boolean;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** Writes asked for in one turn of the event loop share one transaction; a write resolves after its commit. */
export function openWriter(db: DatabaseSync) {
  let batch: Write[] = [];

  function write(run: () => void, { isSynced = true } = {}): Promise<void> {
    if (batch.length === 0) setImmediate(commit);
    return new Promise((resolve, reject) => batch.push({ run, isSynced, resolve, reject }));
  }

  function commit() {
    const writes = batch;
    batch = [];
    if (writes.length === 0) return;
    try {
      // NORMAL writes the same, and leaves it to the next FULL to sync it: what is lost is whole transactions, the last ones.
      // https://www.sqlite.org/pragma.html#pragma_synchronous
      db.exec(`PRAGMA synchronous = ${writes.some(({ isSynced }) => isSynced) ? 'FULL' : 'NORMAL'}`);
      db.exec('BEGIN IMMEDIATE');
      for (const { run } of writes) run();
      db.exec('COMMIT');
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      for (const { reject } of writes) reject(error);
      return;
    }
    for (const { resolve } of writes) resolve();
  }

  return { write, commit };
}
