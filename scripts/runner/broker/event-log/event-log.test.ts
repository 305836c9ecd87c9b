import { readFileSync, writeFileSync } from 'node:fs';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { temporaryFile } from '../broker-testing.ts';
import { type EventLogOptions, openEventLog } from './event-log.ts';

const event = (id: string) => ({
  attributes: { specversion: '1.0', id, source: '/s', type: 't' },
  data: Buffer.from('{}'),
});

/** An event that cannot be serialised. */
function unwritable() {
  const attributes = { id: 'x', toJSON: '' };
  Object.defineProperty(attributes, 'toJSON', { value: () => undefined });
  return { ...event('x'), attributes };
}

async function open({
  file = temporaryFile(),
  now = Date.now,
  onNew = () => {},
  sync,
}: {
  file?: string;
  now?: () => number;
  onNew?: EventLogOptions['onNew'];
  sync?: EventLogOptions['sync'];
} = {}) {
  const log = await openEventLog({ file, now, onNew, sync, route: () => ['task'] });
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
  const { log, file } = await open();
  const before = commits(file);
  await Promise.all(Array.from({ length: 50 }, (_, n) => log.append(event(String(n)))));
  expect(commits(file) - before).toBe(1);
  await log.append(event('later'));
  expect(commits(file) - before).toBe(2);
});

describe('what is on the disk', () => {
  it('resolves an append only then; what comes meanwhile shares the next sync, and a delivery that is over waits for none', async () => {
    const syncs: (() => void)[] = [];
    const { log } = await open({ sync: (_, done) => void syncs.push(() => done(null)) });
    const stored: string[] = [];
    const append = async (id: string) => {
      await log.append(event(id));
      stored.push(id);
    };
    const first = append('1');
    await vi.waitFor(() => expect(syncs).toHaveLength(1));
    const others = [append('2'), append('3')];
    await nextTurn();
    await nextTurn();
    await log.finish('task', log.poll('task', 0, 3)[2]?.id ?? 0, event('reply'));
    expect([syncs.length, stored]).toEqual([1, []]);
    syncs.shift()?.();
    await first;
    expect([syncs.length, stored]).toEqual([1, ['1']]);
    syncs.shift()?.();
    await Promise.all(others);
    expect([syncs.length, stored]).toEqual([0, ['1', '2', '3']]);
  });

  it('comes there another way when the write-ahead log cannot be synced', async () => {
    const { log, file } = await open({ sync: (_, done) => done(new Error('the disk has a fault')) });
    await log.append(event('1'));
    expect(readFileSync(`${file}-wal`)).toHaveLength(0);
    const copy = temporaryFile();
    writeFileSync(copy, readFileSync(file));
    const { log: rest } = await open({ file: copy });
    expect(rest.list(0, 10)).toMatchObject([{ attributes: { id: '1' }, waiting: ['task'] }]);
  });

  it('rejects an append when nothing can be synced, and relies on no later sync alone', async () => {
    const faults = [new Error('the disk has a fault')];
    const { log, file } = await open({ sync: (_, done) => done(faults.shift() ?? null) });
    const exec = vi.spyOn(DatabaseSync.prototype, 'exec').mockImplementation((sql) => {
      if (sql.includes('wal_checkpoint')) throw new Error('disk I/O error');
    });
    onTestFinished(() => exec.mockRestore());
    await expect(log.append(event('1'))).rejects.toThrow('disk I/O error');
    exec.mockRestore();
    await log.append(event('2'));
    expect(readFileSync(`${file}-wal`)).toHaveLength(0);
  });
});

it('ends deliveries in the transaction of what comes within 5 ms, or in one of many, or after 5 ms', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const { log, file } = await open();
  await Promise.all(Array.from({ length: 50 }, (_, n) => log.append(event(String(n)))));
  const ids = log.poll('task', 0, 50).map(({ id }) => id);
  const before = commits(file);
  const finish = async (count: number) => {
    const over = ids.splice(0, count).map(async (id) => {
      await nextTurn();
      await log.finish('task', id);
    });
    for (let turn = 0; turn < 3; turn += 1) await nextTurn();
    return over;
  };
  const first = await finish(3);
  expect(commits(file) - before).toBe(0);
  await Promise.all([...first, log.append(event('beside'))]);
  expect(commits(file) - before).toBe(1);
  await Promise.all(await finish(25));
  expect(commits(file) - before).toBe(2);
  const last = await finish(1);
  expect(commits(file) - before).toBe(2);
  vi.advanceTimersByTime(5);
  await Promise.all(last);
  expect(commits(file) - before).toBe(3);
});

it('keeps of a delivery that is over the end and the reply, or neither, wherever a power cut ends the write-ahead log', async () => {
  const { log, file } = await open();
  await log.append(event('1'));
  const synced = readFileSync(`${file}-wal`).length;
  await log.finish('task', log.poll('task', 0, 1)[0]?.id ?? 0, event('1/reply'));
  const [database, wal] = [readFileSync(file), readFileSync(`${file}-wal`)];
  const found = new Set<string>();
  const quarterOfAFrame = (24 + wal.readUInt32BE(8)) / 4;
  for (let length = synced; length <= wal.length; length += quarterOfAFrame) {
    const cut = temporaryFile();
    writeFileSync(cut, database);
    writeFileSync(`${cut}-wal`, wal.subarray(0, length));
    const { log: rest } = await open({ file: cut });
    found.add(
      rest
        .list(0, 10)
        .map(({ attributes: { id }, waiting }) => `${id} waits for ${waiting.join()}`)
        .join(),
    );
  }
  expect([...found]).toEqual(['1 waits for task', '1 waits for ,1/reply waits for task']);
});

it('reports new deliveries only after the commit', async () => {
  const onNew = vi.fn<EventLogOptions['onNew']>(() => expect(log.poll('task', 0, 10)).toHaveLength(1));
  const { log } = await open({ onNew });
  const appended = log.append(event('1'));
  expect(log.poll('task', 0, 10)).toEqual([]);
  await appended;
  expect(onNew).toHaveBeenCalledExactlyOnceWith('task', [expect.objectContaining({ id: 1, seq: 1 })]);
});

it('returns deliveries in the order of the log, and when each is due', async () => {
  const { log } = await open({ now: () => 1_000 });
  for (const id of ['1', '2', '3']) await log.append(event(id));
  const [first, second, third] = log.poll('task', 0, 10).map(({ id }) => id);
  await log.retry(first ?? 0, 1, 5_000);
  await log.finish('task', second ?? 0);
  expect(log.poll('task', 0, 10)).toEqual([
    { id: first, seq: 1, failed: 1, nextAt: 5_000 },
    { id: third, seq: 3, failed: 0, nextAt: 1_000 },
  ]);
  expect(log.poll('task', 0, 1)).toMatchObject([{ id: first }]);
  expect(log.poll('task', first ?? 0, 10)).toMatchObject([{ id: third }]);
});

it('fails all writes of a transaction, and only those, when one of them cannot be made', async () => {
  const { log } = await open();
  const results = await Promise.allSettled([log.append(event('1')), log.append(unwritable())]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(log.poll('task', 0, 10)).toEqual([]);
  await log.append(event('2'));
  expect(log.poll('task', 0, 10)).toHaveLength(1);
});

it('takes a file of an older version along', async () => {
  const file = temporaryFile();
  const log = await openEventLog({ file, now: Date.now, onNew: () => {}, route: () => ['task'] });
  await log.append(event('1'));
  await log.bury(log.poll('task', 0, 1)[0]?.id ?? 0, 'dead', 'task', event('1'));
  log.close();
  const db = new DatabaseSync(file);
  db.exec('ALTER TABLE dead_letters DROP COLUMN redriven_at; DROP INDEX deliveries_by_trigger');
  db.exec('CREATE INDEX deliveries_by_due ON deliveries (trigger, next_at, id); PRAGMA user_version = 1');
  db.close();
  const { log: again } = await open({ file });
  expect(again.deadLetters(10, 10)).toMatchObject([{ topic: 'dead', redrivenAt: undefined }]);
});

it('queues a dead letter again once, for its own Trigger, marked and without the reason, whatever is asked how often', async () => {
  const { log } = await open();
  const reasons = { knativeerrordest: 'http://task/', knativeerrorcode: '400' };
  const dead = { ...event('1'), attributes: { ...event('1').attributes, ...reasons } };
  await log.append(event('1'));
  await log.bury(log.poll('task', 0, 1)[0]?.id ?? 0, 'dead', 'task', dead);
  const [letter] = log.deadLetters(10, 10);
  const id = letter?.id ?? 0;
  expect(await log.redrive([id], ['other'])).toBe(0);
  const asked = await Promise.all([log.redrive([id, id, 99], ['task']), log.redrive([id], ['task'])]);
  expect(asked).toEqual([1, 0]);
  const due = log.poll('task', 0, 10).map(({ seq }) => seq);
  const marked = { ...event('1'), attributes: { ...event('1').attributes, redriven: String(id) } };
  expect(due.map((seq) => log.read(seq))).toEqual([marked]);
  expect(log.deadLetters(10, 10)).toMatchObject([{ id, redrivenAt: expect.any(String) }]);
  expect(log.list(0, 10).flatMap(({ dead }) => dead)).toEqual([]);
});

it('refuses a file of another version and one that is not a database', async () => {
  const newer = temporaryFile();
  const db = new DatabaseSync(newer);
  db.exec('PRAGMA user_version = 99');
  db.close();
  await expect(open({ file: newer })).rejects.toThrow(
    `${newer} cannot be used: Error: it has version 99, not 3`,
  );
  const other = temporaryFile();
  writeFileSync(other, 'no database at all, but long enough to be looked at'.repeat(40));
  await expect(open({ file: other })).rejects.toThrow(`${other} cannot be used`);
});

describe('whatever the backlog', () => {
  it('what waits and how many dead letters there are is known without a statement, also after a write that failed and a restart', async () => {
    const { log, file } = await open();
    const isKnown = (one: typeof log) => {
      const asked = (['all', 'get', 'run', 'iterate'] as const).map((name) =>
        vi.spyOn(StatementSync.prototype, name),
      );
      expect([...one.waiting(), ...one.letters()]).toEqual([
        ['task', 12_001],
        ['dead', 2],
      ]);
      for (const spy of asked) expect(spy).not.toHaveBeenCalled();
      vi.restoreAllMocks();
    };
    await Promise.all(Array.from({ length: 12_004 }, (_, n) => log.append(event(String(n)))));
    const [first, second, third] = log.poll('task', 0, 3).map(({ id }) => id);
    await Promise.all([log.finish('task', first ?? 0), log.finish('task', first ?? 0)]);
    await log.bury(second ?? 0, 'dead', 'task', event('1'));
    await log.bury(third ?? 0, 'dead', 'task', event('2'));
    await Promise.allSettled([log.append(event('y')), log.append(unwritable())]);
    isKnown(log);
    log.close();
    isKnown((await open({ file })).log);
  });

  it('the count at the start looks at some thousand rows in a turn of the event loop', async () => {
    const { log, file } = await open();
    await Promise.all(Array.from({ length: 12_000 }, (_, n) => log.append(event(String(n)))));
    log.close();
    let turns = 0;
    let isOpen = false;
    const turn = () => {
      turns += 1;
      if (!isOpen) setImmediate(turn);
    };
    setImmediate(turn);
    await open({ file });
    isOpen = true;
    expect(turns).toBeGreaterThanOrEqual(3);
  });

  it('old events are looked at some at a time, also those that still wait, and those that do not are removed', async () => {
    let time = 1_000;
    const { log } = await open({ now: () => time });
    for (const id of ['1', '2', '3', '4', '5']) await log.append(event(id));
    time = 5_000;
    await log.append(event('young'));
    const ids = () => log.list(0, 10).map(({ attributes }) => attributes['id']);
    for (const { id } of log.poll('task', 0, 10).filter((_, n) => n === 2 || n === 5))
      await log.finish('task', id);
    expect([log.prune(5_000, 2), ids()]).toEqual([true, ['1', '2', '3', '4', '5', 'young']]);
    expect([log.prune(5_000, 2), ids()]).toEqual([true, ['1', '2', '4', '5', 'young']]);
    expect(log.prune(5_000, 2)).toBe(false);
    await log.finish('task', log.poll('task', 0, 1)[0]?.id ?? 0);
    expect([log.prune(5_000, 2), ids()]).toEqual([true, ['2', '4', '5', 'young']]);
  });
});
