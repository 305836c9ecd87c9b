import { DatabaseSync } from 'node:sqlite';

/**
 * Takes a lock file for this process. SQLite's exclusive lock is one of the operating system: it ends with the process,
 * however that ends, so no stale lock is ever left.
 * @returns releases the lock
 * @throws Error `busy` when another process holds it
 */
export function takeLock(file: string, busy: string): () => void {
  // `isLocked` of another process holds it for a moment.
  const database = new DatabaseSync(file, { timeout: 200 });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    throw isBusy(cause) ? new Error(busy, { cause }) : cause;
  }
  return () => database.close();
}

/** Whether a process holds a lock file that is there. */
export function isLocked(file: string): boolean {
  const database = new DatabaseSync(file, { readOnly: true });
  try {
    database.exec('SELECT count(*) FROM sqlite_schema');
    return false;
  } catch (error) {
    if (isBusy(error)) return true;
    throw error;
  } finally {
    database.close();
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy;
}

/** https://www.sqlite.org/rescode.html#busy */
const sqliteBusy = 5;
