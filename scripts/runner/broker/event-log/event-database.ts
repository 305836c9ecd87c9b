import { DatabaseSync } from 'node:sqlite';

/** Goes up when the tables change. */
const VERSION = 3;

const TABLES = `
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY, received_at INTEGER NOT NULL, attributes TEXT NOT NULL, data BLOB NOT NULL
  ) STRICT;
  CREATE INDEX events_by_age ON events (received_at);
  -- What is still to be delivered; a delivery that is over has no row. AUTOINCREMENT: ids are never used again.
  CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event INTEGER NOT NULL REFERENCES events (seq),
    trigger TEXT NOT NULL, failed INTEGER NOT NULL DEFAULT 0, next_at INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX deliveries_by_trigger ON deliveries (trigger, id);
  CREATE INDEX deliveries_by_event ON deliveries (event);
  CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, trigger TEXT NOT NULL, at INTEGER NOT NULL,
    attributes TEXT NOT NULL, data BLOB NOT NULL, redriven_at INTEGER
  ) STRICT;
  CREATE INDEX dead_letters_by_event ON dead_letters (attributes ->> 'id');
`;

/** From each older version to the next one. */
const UPGRADES: Record<number, string> = {
  1: 'ALTER TABLE dead_letters ADD COLUMN redriven_at INTEGER;',
  2: 'DROP INDEX deliveries_by_due; CREATE INDEX deliveries_by_trigger ON deliveries (trigger, id);',
};

/**
 * Opens the file, or makes it, for this process alone.
 * @throws Error that says what to do when the file is in use or of another version
 */
export function openEventDatabase(file: string): DatabaseSync {
  const db = new DatabaseSync(file);
  try {
    // The lock is taken with the first write and goes with the process, however that ends.
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    db.exec('PRAGMA foreign_keys = ON; BEGIN IMMEDIATE');
    const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
    if (version > VERSION) throw new Error(`it has version ${version}, not ${VERSION}`);
    if (version === 0) db.exec(TABLES);
    else for (let from = version; from < VERSION; from += 1) db.exec(UPGRADES[from] ?? '');
    db.exec(`PRAGMA user_version = ${VERSION}; COMMIT`);
    return db;
  } catch (cause) {
    db.close();
    if (cause instanceof Error && /database is locked/.test(cause.message)) {
      throw new Error(`${file} is in use by another formbus; stop that one or use another data folder`, {
        cause,
      });
    }
    throw new Error(`${file} cannot be used: ${String(cause)}; move it away to start with an empty one`, {
      cause,
    });
  }
}
