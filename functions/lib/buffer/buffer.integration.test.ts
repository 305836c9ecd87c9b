import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { recordedLog } from '../../testing/log.ts';
import { replicasFollow, startTestRedis, type TestRedis } from '../../testing/redis.ts';
import { openBuffer, type RowBuffer, type RowBufferOptions } from './buffer.ts';
import { openRowQueue, type RowQueue } from './row-queue.ts';
import { openLog } from '../runtime/log.ts';
import { openRedis, type DurableRedis } from '../stores/redis.ts';

const log = openLog('test', 'silent');
const sheet = 'spreadsheet-1';
const row = (n: number, tab = 'form') => ({
  spreadsheetId: sheet,
  tab,
  id: `id-${n}`,
  time: 1_000 + n,
  cells: { '@time': `t${n}`, name: `Name ${n}` },
});
const all = { before: Date.now() };

let server: TestRedis;
let redis: DurableRedis;
let buffer: RowBuffer;
let queue: RowQueue;
const open = (options: Partial<RowBufferOptions> = {}) => openBuffer({ redis, ...options });

beforeAll(async () => {
  server = await startTestRedis();
  redis = await openRedis({ REDIS_URL: server.url, REDIS_REPLICAS: 0 }, log);
  buffer = open();
  queue = openRowQueue({ redis, seenDays: 30 });
});
afterAll(async () => {
  await redis.close();
  await server.close();
});
beforeEach(async () => {
  await server.look.flushall();
});

const ids = async (before = all.before) =>
  (await buffer.nextBatch(sheet, { before }))?.rows.map(({ id }) => id);

describe('push', () => {
  it('takes an id once for a tab and a spreadsheet', async () => {
    expect([await queue.push(row(1)), await queue.push(row(1))]).toEqual([true, false]);
    expect(await queue.push(row(1, 'other tab'))).toBe(true);
    expect(await queue.push({ ...row(1), spreadsheetId: 'spreadsheet-2' })).toBe(true);
    expect(await ids()).toEqual(['id-1', 'id-1']);
  });

  it('knows an id after its row was acknowledged', async () => {
    await queue.push(row(1));
    const batch = await buffer.nextBatch(sheet, all);
    expect(batch && (await buffer.acknowledge(batch))).toMatchObject({ wasInFlight: true });
    expect(await queue.push(row(1))).toBe(false);
    expect(await buffer.nextBatch(sheet, all)).toBeUndefined();
    expect(await buffer.waiting()).toEqual([]);
  });

  it('knows an id that came on an earlier day, for the configured number of days', async () => {
    const today = Math.floor(Date.now() / 86_400_000);
    await server.look.sadd(`buffer:seen:${sheet}:${today - 30}:form`, 'id-1');
    await server.look.sadd(`buffer:seen:${sheet}:${today - 31}:form`, 'id-2');
    expect(await queue.push(row(1))).toBe(false);
    expect(await queue.push(row(2))).toBe(true);
    const left = await server.look.ttl(`buffer:seen:${sheet}:${today}:form`);
    expect(left).toBeGreaterThan(30 * 86_400);
  });

  it('knows an id that came a day ahead: before a failover, by a clock that is fast', async () => {
    const today = Math.floor(Date.now() / 86_400_000);
    await server.look.sadd(`buffer:seen:${sheet}:${today + 1}:form`, 'id-1');
    expect(await queue.push(row(1))).toBe(false);
    expect(await buffer.waiting()).toEqual([]);
  });

  it('sends pushes that come together in few transactions, and answers each of them', async () => {
    const before = Number(/cmdstat_eval:calls=(\d+)/.exec(await server.look.info('commandstats'))?.[1] ?? 0);
    const pushed = await Promise.all(Array.from({ length: 200 }, (_, i) => queue.push(row(i % 100))));
    expect(pushed.filter(Boolean)).toHaveLength(100);
    const after = Number(/cmdstat_eval:calls=(\d+)/.exec(await server.look.info('commandstats'))?.[1]);
    expect(after - before).toBeLessThanOrEqual(3);
  });
});

it.each(['waits', 'is in flight'])(
  'counts an id as seen whose row %s, however long ago it came, and never blocks the spreadsheet',
  async (state) => {
    await queue.push(row(1));
    const batch = state === 'is in flight' ? await buffer.nextBatch(sheet, all) : undefined;
    await server.look.del(...(await server.look.keys('buffer:seen:*')));
    expect(await queue.push(row(1))).toBe(false);
    await queue.push(row(2));
    if (batch) await buffer.acknowledge(batch);
    expect(await ids()).toEqual(state === 'waits' ? ['id-1', 'id-2'] : ['id-2']);
    expect(await queue.push(row(1))).toBe(false);
  },
);

it.each(['that waits', 'in flight'])(
  'removes an id %s without a row, logs it, and continues',
  async (place) => {
    const { log: heard, lines } = recordedLog();
    const speaking = open({ log: heard });
    for (const n of [1, 2]) await queue.push(row(n));
    if (place === 'in flight') await buffer.nextBatch(sheet, all);
    await server.look.hdel(`buffer:rows:${sheet}`, 'form\nid-1');
    const batch = await speaking.nextBatch(sheet, all);
    expect(batch?.rows.map(({ id }) => id)).toEqual(['id-2']);
    expect(lines).toMatchObject([{ ids: ['id-1'], msg: 'ids without a row removed from the buffer' }]);
    if (batch) await speaking.acknowledge(batch);
    expect(await buffer.waiting()).toEqual([]);
  },
);

describe('the next batch', () => {
  it('takes the oldest rows first, and only those that are old enough', async () => {
    for (const n of [3, 1, 2, 9]) await queue.push(row(n));
    expect(await ids(1_005)).toEqual(['id-1', 'id-2', 'id-3']);
  });

  it('is the batch in flight, unchanged, until it is acknowledged', async () => {
    await queue.push(row(1));
    const first = await buffer.nextBatch(sheet, all);
    await queue.push(row(0));
    expect(await buffer.nextBatch(sheet, all)).toEqual(first);
    if (!first) throw new Error('no batch');
    expect(await buffer.acknowledge(first)).toMatchObject({ wasInFlight: true });
    expect(await buffer.acknowledge(first)).toMatchObject({ wasInFlight: false });
    const second = await buffer.nextBatch(sheet, all);
    expect(second).toMatchObject({ sequence: first.sequence + 1, rows: [{ id: 'id-0' }] });
    expect(second?.digest).not.toBe(first.digest);
    expect(await buffer.acknowledge(first)).toMatchObject({ wasInFlight: false });
  });

  it.each([
    ['rows', { maxRows: 3 }, [3, 2]],
    ['bytes', { maxBytes: 100 }, [2, 2, 1]],
  ])('has no more %s than a batch may have', async (_, most, sizes) => {
    for (let n = 0; n < 5; n += 1) await queue.push(row(n));
    const small = open(most);
    const found: number[] = [];
    for (let batch = await small.nextBatch(sheet, all); batch; batch = await small.nextBatch(sheet, all)) {
      found.push(batch.rows.length);
      await small.acknowledge(batch);
    }
    expect(found).toEqual(sizes);
  });

  it('has a single row when that is larger than a batch may be', async () => {
    const small = open({ maxBytes: 100 });
    await queue.push(row(0));
    await queue.push({ ...row(-1), id: 'large', cells: { text: 'x'.repeat(500) } });
    const large = await small.nextBatch(sheet, all);
    expect(large?.rows.map(({ id }) => id)).toEqual(['large']);
    if (large) await small.acknowledge(large);
    expect((await small.nextBatch(sheet, all))?.rows.map(({ id }) => id)).toEqual(['id-0']);
  });

  it('counts a time ahead of the clock as now', async () => {
    await queue.push({ ...row(1), time: Date.now() + 86_400_000 });
    expect(await ids(Date.now() + 60_000)).toEqual(['id-1']);
  });

  it('survives a kill of Redis, as do the rows and the ids that were seen', async () => {
    await queue.push(row(1));
    const inFlight = await buffer.nextBatch(sheet, all);
    await queue.push(row(2));
    server.kill('SIGKILL');
    await server.restart();
    const again = await openRedis({ REDIS_URL: server.url, REDIS_REPLICAS: 0 }, log);
    const reopened = openBuffer({ redis: again });
    expect(await reopened.nextBatch(sheet, all)).toEqual(inFlight);
    expect(await openRowQueue({ redis: again, seenDays: 30 }).push(row(2))).toBe(false);
    await again.close();
    await expect.poll(() => buffer.waiting().then(Boolean, () => false)).toBe(true);
  });
});

it('names the spreadsheets that wait, the one with the oldest row first', async () => {
  await queue.push(row(5));
  await queue.push({ ...row(3), spreadsheetId: 'older' });
  await queue.push(row(7));
  expect(await buffer.waiting()).toEqual([
    { spreadsheetId: 'older', oldest: 1_003, newest: 1_003, target: 'older', parkedTabs: new Map() },
    { spreadsheetId: sheet, oldest: 1_005, newest: 1_007, target: sheet, parkedTabs: new Map() },
  ]);
});

it('runs work under a lease, one process at a time', async () => {
  const order: string[] = [];
  await buffer.withLease(sheet, async () => {
    order.push('first');
    await buffer.withLease(sheet, async () => void order.push('never'));
  });
  await buffer.withLease(sheet, async () => void order.push('second'));
  expect(order).toEqual(['first', 'second']);
});

it('has a lease at once that it could not release before, as in a failover', async () => {
  const order: string[] = [];
  const broken = buffer.withLease(sheet, async () => {
    server.kill('SIGKILL');
    await expect.poll(() => buffer.waiting().catch(String)).toContain('Redis did not answer');
  });
  await expect(broken).rejects.toThrow('Redis did not answer');
  await server.restart();
  await expect.poll(() => buffer.waiting().catch(String)).toEqual([]);
  await open().withLease(sheet, async () => void order.push('somebody else'));
  await Promise.all(
    ['first', 'second'].map((one) => buffer.withLease(sheet, async () => void order.push(one))),
  );
  expect(order).toEqual(['first']);
});

describe('with replicas', () => {
  it('answers only when a replica has the row, also when the row comes again', async () => {
    const master = await startTestRedis();
    onTestFinished(master.close);
    const replica = await startTestRedis('--replicaof', '127.0.0.1', String(master.port));
    onTestFinished(replica.close);
    await replicasFollow(master, 1);
    const connection = await openRedis({ REDIS_URL: master.url, REDIS_REPLICAS: 1 }, log);
    onTestFinished(connection.close);
    const safe = openRowQueue({ redis: connection, seenDays: 30 });
    expect(await safe.push(row(1))).toBe(true);
    expect(await replica.look.hexists(`buffer:rows:${sheet}`, 'form\nid-1')).toBe(1);

    replica.kill('SIGSTOP');
    await expect(safe.push(row(2))).rejects.toThrow('Only 0 of 1 Redis replicas');
    await expect(safe.push(row(2))).rejects.toThrow('Only 0 of 1 Redis replicas');
    await expect(openBuffer({ redis: connection }).nextBatch(sheet, all)).rejects.toThrow(
      'Only 0 of 1 Redis replicas',
    );
    replica.kill('SIGCONT');
    await replicasFollow(master, 1);
    expect(await safe.push(row(2))).toBe(false);
    expect(await replica.look.hexists(`buffer:rows:${sheet}`, 'form\nid-2')).toBe(1);
  });

  it('fails at once when Redis is down, and works again when it is back', async () => {
    server.kill('SIGKILL');
    await expect.poll(() => queue.push(row(3)).catch(String)).toContain('Redis did not answer');
    await server.restart();
    await expect.poll(() => queue.push(row(3)).catch(String)).toBe(true);
  });
});
