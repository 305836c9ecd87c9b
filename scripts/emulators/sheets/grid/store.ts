import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLTagStore } from 'node:sqlite';

/** The spreadsheets on disk. What was answered 200 is there after SIGKILL or a power cut. */
export interface Store {
  sql: SQLTagStore;
  /** Runs the work as one transaction: on disk when it returns, undone when it throws. */
  transaction<T>(work: () => T): T;
  /** An unchanging view of this moment on a connection of its own, for answers that are streamed. */
  snapshot(): Snapshot;
  /** Changes with every committed transaction and with every start. */
  version(): string;
  close(): void;
}

export interface Snapshot {
  sql: SQLTagStore;
  close(): void;
}

/**
 * `sheets.columns` is the grid's columns from left to right, as JSON `[{id, hidden?}]`. A column's id is never used
 * again in its sheet; cells and metadata refer to it, so moving a column rewrites no row.
 * `cells` is what the user entered per column id, as JSON; a row without cells has no record. `row` counts from 0.
 * `protections.col` is the column that is protected, null = the whole sheet.
 * `metadata.sheet` and `metadata.col` say where it is bound: both null = the spreadsheet, `col` null = the sheet.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS spreadsheets (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, revoked INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE IF NOT EXISTS sheets (
    key INTEGER PRIMARY KEY AUTOINCREMENT,
    spreadsheet TEXT NOT NULL REFERENCES spreadsheets,
    sheet_id INTEGER NOT NULL, title TEXT NOT NULL, position INTEGER NOT NULL, hidden INTEGER NOT NULL,
    row_count INTEGER NOT NULL, frozen_rows INTEGER NOT NULL, columns TEXT NOT NULL, next_column INTEGER NOT NULL,
    UNIQUE (spreadsheet, sheet_id)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS rows (
    sheet INTEGER NOT NULL REFERENCES sheets ON DELETE CASCADE, row INTEGER NOT NULL, cells TEXT NOT NULL,
    PRIMARY KEY (sheet, row)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS metadata (
    spreadsheet TEXT NOT NULL REFERENCES spreadsheets, id INTEGER NOT NULL, key TEXT NOT NULL, value TEXT,
    visibility TEXT NOT NULL, sheet INTEGER REFERENCES sheets ON DELETE CASCADE, col INTEGER,
    PRIMARY KEY (spreadsheet, id)
  ) STRICT;
  CREATE TABLE IF NOT EXISTS protections (
    sheet INTEGER NOT NULL REFERENCES sheets ON DELETE CASCADE, col INTEGER
  ) STRICT;
`;

export function openStore(dir: string): Store {
  mkdirSync(dir, { recursive: true });
  const file = join(dir, 'sheets.sqlite');
  const db = new DatabaseSync(file, { timeout: 5000 });
  // FULL makes each commit wait for the disk; WAL lets snapshots read on while commits go in.
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; ${SCHEMA}`);
  const start = Date.now().toString(36);
  let commits = 0;

  return {
    sql: db.createTagStore(),
    transaction(work) {
      db.exec('BEGIN IMMEDIATE');
      try {
        const result = work();
        db.exec('COMMIT');
        commits++;
        return result;
      } catch (error) {
        if (db.isTransaction) db.exec('ROLLBACK');
        throw error;
      }
    },
    snapshot() {
      const reader = new DatabaseSync(file, { readOnly: true, timeout: 5000 });
      // The view is fixed by the first read inside the transaction.
      reader.exec('BEGIN; SELECT 1 FROM spreadsheets LIMIT 1;');
      return { sql: reader.createTagStore(), close: () => reader.close() };
    },
    version: () => `${start}-${commits}`,
    close: () => db.close(),
  };
}
