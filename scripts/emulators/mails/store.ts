import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import * as v from 'valibot';

/** A mail as the list shows it. */
export interface KeptMail {
  /** Counts up. */
  id: number;
  /** When it came, RFC 3339. */
  at: string;
  /** The envelope: who really sent it, and to whom it really goes. */
  from: string;
  to: string[];
  subject: string;
  messageId: string;
}

/** Mails on disk: one whose `add` has resolved is found again after SIGKILL or a power cut. */
export interface MailStore {
  add(mail: Omit<KeptMail, 'id'>, raw: Uint8Array): Promise<void>;
  /** The newest whose ids are below `before`, newest first. */
  list(before: number, limit: number): KeptMail[];
  /** A mail and its bytes as they came. */
  read(id: number): { mail: KeptMail; raw: Uint8Array } | undefined;
  count(): number;
  /** Changes with every mail and with every start. */
  version(): string;
  close(): void;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS mails (
    id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, sender TEXT NOT NULL, recipients TEXT NOT NULL,
    subject TEXT NOT NULL, message_id TEXT NOT NULL, raw BLOB NOT NULL
  ) STRICT;
`;

export function openMailStore(dir: string): MailStore {
  mkdirSync(dir, { recursive: true });
  const db = new DatabaseSync(join(dir, 'mails.sqlite'), { timeout: 5_000 });
  // FULL makes each commit wait for the disk.
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; ${SCHEMA}`);
  const columns = 'id, at, sender, recipients, subject, message_id AS messageId';
  const insert = db.prepare(
    'INSERT INTO mails (at, sender, recipients, subject, message_id, raw) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const list = db.prepare(`SELECT ${columns} FROM mails WHERE id < ? ORDER BY id DESC LIMIT ?`);
  const read = db.prepare(`SELECT ${columns}, raw FROM mails WHERE id = ?`);
  const count = db.prepare('SELECT count(*) AS count FROM mails');
  const start = Date.now().toString(36);
  let added = 0;
  let batch: { run: () => void; resolve: () => void; reject: (error: unknown) => void }[] = [];

  /** The disk is waited for once for all mails that came in one turn of the event loop: it is what a mail costs most. */
  function commit() {
    const adds = batch;
    batch = [];
    try {
      db.exec('BEGIN IMMEDIATE');
      for (const { run } of adds) run();
      db.exec('COMMIT');
    } catch (error) {
      if (db.isOpen && db.isTransaction) db.exec('ROLLBACK');
      for (const { reject } of adds) reject(error);
      return;
    }
    added += adds.length;
    for (const { resolve } of adds) resolve();
  }

  return {
    add({ at, from, to, subject, messageId }, raw) {
      if (batch.length === 0) setImmediate(commit);
      const run = () => void insert.run(at, from, JSON.stringify(to), subject, messageId, raw);
      return new Promise((resolve, reject) => batch.push({ run, resolve, reject }));
    },
    list: (before, limit) => list.all(before, limit).map((row) => mailOf(v.parse(Row, row))),
    read(id) {
      const row = read.get(id);
      return row && { mail: mailOf(v.parse(Row, row)), raw: v.parse(Raw, row).raw };
    },
    count: () => v.parse(v.object({ count: v.number() }), count.get()).count,
    version: () => `${start}-${added}`,
    close: () => db.close(),
  };
}

const Row = v.object({
  id: v.number(),
  at: v.string(),
  sender: v.string(),
  recipients: v.pipe(v.string(), v.parseJson(), v.array(v.string())),
  subject: v.string(),
  messageId: v.string(),
});
const Raw = v.object({ raw: v.instance(Uint8Array) });

function mailOf({ id, at, sender, recipients, ...rest }: v.InferOutput<typeof Row>): KeptMail {
  return { id, at, from: sender, to: recipients, ...rest };
}
