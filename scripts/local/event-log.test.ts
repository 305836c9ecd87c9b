import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished, vi } from 'vitest';
import { temporaryFile } from './broker-testing.ts';
import { openEventLog } from './event-log.ts';

const event = (id: string) => ({
  attributes: { specversion: '1.0', id, source: '/s', type: 't' },
  data: Buffer.from('{}'),
});

function open({
  file = temporaryFile(),
  now = Date.now,
  onNew = () => {},
}: { file?: string; now?: () => number; onNew?: (triggers: string[]) => void } = {}) {
  const log = openEventLog({ file, now, onNew, route: () => ['task'] });
  onTestFinished(() => log.close());
  return { log, file };
}

/** Commits in the write-ahead log: frames that name the size of the database, https://sqlite.org/fileformat2.html#wal_file_format */
function commits(file: string): number {
  const wal = readFileSync(`${file}-wal`);
  const frame = 24 + wal.readUInt32BE(8);
  const starts = Array.from({ length: (wal.length - 32) / frame }, (_, n) => 32 + n * frame);
  return starts.filter((start) => wal.readUInt32BE(start + 4) > 0).length;
}

it('commits in one transaction what is asked for in one turn of the event loop', async () => {
  const { log, file } = open();
  const before = commits(file);
  await Promise.all(Array.from({ length: 50 }, (_, n) => log.append(event(String(n)))));
  expect(commits(file) - before).toBe(1);
  await log.append(event('later'));
  expect(commits(file) - before).toBe(2);
});

it('tells of new deliveries only after the commit', async () => {
  const onNew = vi.fn<(triggers: string[]) => void>(() => expect(log.due('task', 10)).toHaveLength(1));
  const { log } = open({ onNew });
  const appended = log.append(event('1'));
  expect(log.due('task', 10)).toEqual([]);
  await appended;
  expect(onNew).toHaveBeenCalledExactlyOnceWith(['task']);
});

it('gives due deliveries by their time, and says when the next one comes', async () => {
  let time = 1_000;
  const { log } = open({ now: () => time });
  for (const id of ['1', '2', '3']) await log.append(event(id));
  const [first, second, third] = log.due('task', 10);
  await log.retry(first ?? 0, 1, 5_000);
  await log.retry(second ?? 0, 1, 3_000);
  expect(log.due('task', 10)).toEqual([third]);
  expect(log.nextDue('task')).toBe(3_000);
  time = 5_000;
  expect(log.due('task', 10)).toEqual([third, second, first]);
  expect(log.due('task', 2)).toEqual([third, second]);
  expect(log.nextDue('task')).toBeUndefined();
});

it('fails all writes of a transaction, and only those, when one of them cannot be made', async () => {
  const { log } = open();
  const unwritable = { ...event('x'), attributes: { id: 'x', toJSON: '' } };
  Object.defineProperty(unwritable.attributes, 'toJSON', { value: () => undefined });
  const results = await Promise.allSettled([log.append(event('1')), log.append(unwritable)]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(log.due('task', 10)).toEqual([]);
  await log.append(event('2'));
  expect(log.due('task', 10)).toHaveLength(1);
});

it('refuses a file of another version and one that is no database', () => {
  const newer = temporaryFile();
  const db = new DatabaseSync(newer);
  db.exec('PRAGMA user_version = 99');
  db.close();
  expect(() => open({ file: newer })).toThrow(`${newer} cannot be used: Error: it has version 99, not 1`);
  const other = temporaryFile();
  writeFileSync(other, 'no database at all, but long enough to be looked at'.repeat(40));
  expect(() => open({ file: other })).toThrow(`${other} cannot be used`);
});
