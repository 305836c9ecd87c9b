import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { openBuffer } from '../../lib/buffer/buffer.ts';
import { openRowQueue } from '../../lib/buffer/row-queue.ts';
import { openQueue } from '../../lib/later/queue.ts';
import { openLog } from '../../lib/runtime/log.ts';
import type { Push } from '../../lib/metrics/metric-definitions.ts';
import { openRedis, type DurableRedis } from '../../lib/stores/redis.ts';
import { serve, type Served } from '../../lib/serve/serve.ts';
import { replicasFollow, startTestRedis, type TestRedis } from '../../testing/redis.ts';
import { postJson } from '../../testing/sink.ts';
import { metrics } from './metrics.ts';
import { openTotals } from './totals.ts';

const log = openLog('test', 'silent');
let server: TestRedis;
let redis: DurableRedis;
let served: Served;
beforeAll(async () => {
  server = await startTestRedis();
  redis = await openRedis({ REDIS_URL: server.url, REDIS_REPLICAS: 0 }, log);
  const env = { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent', REDIS_URL: server.url };
  served = await serve(metrics, { env });
});
afterAll(async () => {
  await served.close();
  await redis.close();
  await server.close();
});

/** The samples of a metric, as `{labels} value`. */
async function samples(name: string): Promise<string[]> {
  const answer = await fetch(`${served.url}/metrics`);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  const lines = (await answer.text()).split('\n');
  return lines
    .filter((line) => /^\w+/.exec(line)?.[0] === name)
    .map((line) => line.slice(name.length).trim());
}

function push(series: Push['series'], more: Partial<Push> = {}): Push {
  return { service: 'demo', process: randomUUID(), sequence: 1, series, ...more };
}

const post = async (body: unknown, headers = {}) => {
  const answer = await postJson(served.url, body, headers);
  return [answer.status, await answer.text()];
};

it('adds up what processes push; a repeated push counts once; a counter begins at 0', async () => {
  const name = 'formbus_flush_rows_total';
  const one = push([{ name, labels: ['s1'], value: 3 }]);
  expect(await post(one)).toEqual([204, '']);
  expect(await samples(name)).toEqual(['{service="demo",sheet="s1"} 0']);
  expect(await post(one)).toEqual([204, '']);
  await post({ ...one, sequence: 2 });
  await post(
    push([
      { name, labels: ['s1'], value: 4 },
      { name, labels: ['s2'], value: 1 },
    ]),
  );
  await post(push([{ name, labels: ['s1'], value: 100 }], { service: 'other' }));
  await samples(name);
  expect(await samples(name)).toEqual([
    '{service="demo",sheet="s1"} 10',
    '{service="demo",sheet="s2"} 1',
    '{service="other",sheet="s1"} 100',
  ]);
});

it('returns histograms with cumulative buckets, and the latest value of a gauge', async () => {
  const counts = [1, 0, 2, 0, 0, 0, 0, 0, 0, 5];
  await post(push([{ name: 'formbus_publish_batch_events', labels: [], counts, sum: 5_000 }]));
  await samples('');
  const name = 'formbus_publish_batch_events';
  expect((await samples(`${name}_bucket`)).slice(1, 4)).toEqual([
    '{service="demo",le="2"} 1',
    '{service="demo",le="5"} 3',
    '{service="demo",le="10"} 3',
  ]);
  expect((await samples(`${name}_bucket`)).at(-1)).toBe('{service="demo",le="+Inf"} 8');
  expect(await samples(`${name}_count`)).toEqual(['{service="demo"} 8']);
  expect(await samples(`${name}_sum`)).toEqual(['{service="demo"} 5000']);
  for (const value of [7, 2])
    await post(push([{ name: 'formbus_audit_timestamp_seconds', labels: [], value }]));
  expect(await samples('formbus_audit_timestamp_seconds')).toEqual(['{service="demo"} 2']);
});

it('refuses what is not an increment, and skips metrics that it does not know', async () => {
  expect(await post('{')).toEqual([400, expect.stringContaining('Not increments')]);
  expect(await post({ ...push([]), sequence: 'one' })).toEqual([400, expect.stringContaining('sequence')]);
  expect(await post(push([]), { 'content-type': 'text/plain' })).toEqual([
    400,
    expect.stringContaining('content-type'),
  ]);
  const unknown: Push['series'] = [
    { name: 'formbus_of_tomorrow_total', labels: [], value: 1 },
    { name: 'formbus_flagged_total', labels: ['too', 'many'], value: 1 },
    { name: 'formbus_flagged_total', labels: ['f'], counts: [1], sum: 1 },
    { name: 'formbus_task_seconds', labels: [], counts: [1, 2], sum: 1 },
    { name: 'formbus_flagged_total', labels: ['demo-form'], value: 1 },
  ];
  expect(await post(push(unknown))).toEqual([204, '']);
  expect(await samples('formbus_flagged_total')).toEqual(['{service="demo",form="demo-form"} 0']);
  expect(await samples('formbus_of_tomorrow_total')).toEqual([]);
  const answers = [
    await fetch(served.url),
    await fetch(`${served.url}/metrics`, { method: 'POST' }),
    await fetch(`${served.url}/metrics`, { method: 'HEAD' }),
    await fetch(`${served.url}/other`),
    await postJson(`${served.url}/other`, push([])),
  ].map(({ status, headers }) => [status, headers.get('allow')]);
  expect(answers).toEqual([
    [405, 'POST'],
    [405, 'GET, HEAD'],
    [200, null],
    [404, null],
    [404, null],
  ]);
});

it('accepts the most that one process may have counted, and has no connection to Redis any more when it is closed', async () => {
  const clients = async () =>
    String(await server.look.client('LIST'))
      .trim()
      .split('\n').length;
  const before = await clients();
  const env = { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent', REDIS_URL: server.url };
  const other = await serve(metrics, { env });
  await expect.poll(clients).toBeGreaterThan(before);
  const series = Array.from({ length: 15_000 }, (_, n) => ({
    name: 'formbus_flagged_total',
    labels: [`${n}`.padEnd(200, 'x')],
    value: 1,
  }));
  expect((await postJson(other.url, push(series))).status).toBe(204);
  await other.close();
  await expect.poll(clients).toBe(before);
});

it('reads the queues of tasks: how many events wait, and since when; an empty queue is 0 and does not disappear', async () => {
  const queue = openQueue({ redis, task: 'webhook', days: 1, atOnce: 5, leaseMs: 1_000 });
  const message = { headers: {}, body: '' };
  const entry = { message, destination: 'example.org', reason: '', pauseMs: 0, redriven: false };
  expect(await samples('formbus_later_events')).toEqual([]);
  for (const id of ['1', '2']) await queue.put({ ...entry, id });
  await server.look.zincrby('later:since:webhook', -3_600_000, '1');
  expect(await samples('formbus_later_events')).toEqual(['{task="webhook"} 2']);
  const [age = ''] = await samples('formbus_later_oldest_age_seconds');
  expect(Math.abs(Number(age.split(' ')[1]) - 3_600)).toBeLessThan(60);
  for (const id of ['1', '2']) await queue.forget(id);
  expect(await samples('formbus_later_events')).toEqual(['{task="webhook"} 0']);
  expect(await samples('formbus_later_oldest_age_seconds')).toEqual(['{task="webhook"} 0']);
});

it('reads the buffer: rows, age, refused ones, parked sheets; a spreadsheet without rows is 0 and does not disappear', async () => {
  const buffer = openBuffer({ redis });
  const queue = openRowQueue({ redis, seenDays: 30 });
  const hourAgo = Date.now() - 3_600_000;
  const add = (spreadsheetId: string, id: string, time: number) =>
    queue.push({ spreadsheetId, tab: 'demo-form', id, time, cells: { '@time': 'then' } });
  await add('g1', '1', hourAgo);
  const batch = await buffer.nextBatch('g1', { before: Date.now() });
  await add('g1', '2', Date.now() - 60_000);
  await add('g2', '3', Date.now() - 60_000);
  const reason = 'Google Sheets, layout of g2: 403, The caller does not have permission';
  await buffer.park('g2', { reason, since: 0, tries: 1, retryAt: 0 });

  expect((await samples('formbus_buffer_rows')).toSorted()).toEqual(['{sheet="g1"} 2', '{sheet="g2"} 1']);
  const ages = await samples('formbus_buffer_oldest_row_age_seconds');
  const age = (sheet: string) => Number(ages.find((line) => line.includes(sheet))?.split(' ')[1]);
  expect(age('g1')).toBeGreaterThanOrEqual(3_600);
  expect(age('g1')).toBeLessThan(3_900);
  expect(age('g2')).toBeGreaterThanOrEqual(60);
  expect(await samples('formbus_sheet_parked')).toEqual(['{sheet="g2",reason="403"} 1']);

  if (!batch) throw new Error('no batch');
  await buffer.refuse(batch, { mark: { '@note': 'refused' }, reason: 'too long' });
  const suspect = await buffer.nextBatch('g1', { before: Date.now() });
  if (suspect) await buffer.refuse(suspect, { mark: { '@note': 'refused' }, reason: 'too long' });
  expect((await samples('formbus_refused_rows')).toSorted()).toEqual(['{sheet="g1"} 1', '{sheet="g2"} 0']);
  for (const sheet of ['g1', 'g1', 'g2']) {
    const next = await buffer.nextBatch(sheet, { before: Date.now() });
    if (next) await buffer.acknowledge(next);
  }
  expect((await samples('formbus_buffer_rows')).toSorted()).toEqual(['{sheet="g1"} 0', '{sheet="g2"} 0']);
  expect(await samples('formbus_sheet_parked')).toEqual([]);
  expect((await samples('formbus_refused_rows')).toSorted()).toEqual(['{sheet="g1"} 1', '{sheet="g2"} 0']);
});

it('counts the replicas that follow', async () => {
  expect(await samples('formbus_redis_replicas')).toEqual(['0']);
  const replica = await startTestRedis('--replicaof', '127.0.0.1', String(server.port));
  onTestFinished(replica.close);
  await replicasFollow(server, 1);
  expect(await samples('formbus_redis_replicas')).toEqual(['1']);
});

it('reports how much of its memory Redis uses', async () => {
  expect(await samples('formbus_redis_memory_max_bytes')).toEqual(['0']);
  await server.look.config('SET', 'maxmemory', '64mb');
  expect(await samples('formbus_redis_memory_max_bytes')).toEqual([String(64 * 1024 * 1024)]);
  expect(Number(await samples('formbus_redis_memory_used_bytes'))).toBeGreaterThan(100_000);
});

it('answers without Redis, whether it hangs or is down, and reconnects by itself', async () => {
  const total = () => samples('formbus_flush_rows_total');
  const before = await total();
  server.kill('SIGSTOP');
  expect(await samples('formbus_redis_up')).toEqual(['0']);
  server.kill('SIGCONT');
  server.kill('SIGKILL');
  await expect.poll(() => samples('formbus_redis_up')).toEqual(['0']);
  expect(await samples('formbus_buffer_rows')).toEqual([]);
  expect(await total()).toEqual(before);
  await server.restart();
  await expect.poll(() => samples('formbus_redis_up')).toEqual(['1']);
  expect(await samples('formbus_buffer_rows')).toHaveLength(2);
  // The tests' own connection, too.
  await expect.poll(() => redis.run('return 1', [])).toBe(1);
});

it('remembers for an hour what a process pushed last', () => {
  let now = 0;
  const totals = openTotals({ now: () => now });
  const one = push([{ name: 'formbus_duplicates_total', labels: [], value: 1 }]);
  expect(totals.add(one)).toBe(true);
  now = 3_599_000;
  expect(totals.add(one)).toBe(false);
  now += 3_599_000;
  expect(totals.add({ ...one, sequence: 2 })).toBe(true);
  now += 3_601_000;
  expect(totals.add(push([]))).toBe(true);
  expect(totals.add(one)).toBe(true);
});

it('reads a tab that is parked by itself, and its rows', async () => {
  const buffer = openBuffer({ redis });
  const queue = openRowQueue({ redis, seenDays: 30 });
  const then = Date.now() - 60_000;
  await queue.push({ spreadsheetId: 'g3', tab: 'closed', id: '1', time: then, cells: { name: 'x' } });
  const batch = await buffer.nextBatch('g3', { before: Date.now() });
  const reason = 'Google Sheets, batchUpdate of g3: 400, protected';
  if (batch) await buffer.parkTab(batch, 'closed', { reason, since: 0, tries: 1, retryAt: Date.now() * 2 });
  expect(await samples('formbus_sheet_parked')).toEqual(['{sheet="g3",tab="closed",reason="400"} 1']);
  expect(await samples('formbus_buffer_rows')).toContain('{sheet="g3"} 1');
  expect((await samples('formbus_buffer_oldest_row_age_seconds')).join()).toMatch(/g3"} 6\d/);
  await buffer.unparkTab('g3', 'closed');
  const again = await buffer.nextBatch('g3', { before: Date.now() });
  if (again) await buffer.acknowledge(again);
  expect(await samples('formbus_sheet_parked')).toEqual([]);
});
