import { DatabaseSync } from 'node:sqlite';

/**
 * Takes a lock file for this process. SQLite's exclusive lock is one of the operating system: it ends with the process,
 * however that ends, so no stale lock is ever left.
 * @returns gives the lock back
 * @throws Error `busy` when another process holds it
 */
export function takeLock(file: string, busy: string): () => void {
  const database = new DatabaseSync(file);
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    const locked = cause instanceof Error && 'errcode' in cause && cause.errcode === sqliteBusy;
    throw locked ? new Error(busy, { cause }) : cause;
  }
  return () => database.close();
}

/** https://www.sqlite.org/rescode.html#busy */
const sqliteBusy = 5;
