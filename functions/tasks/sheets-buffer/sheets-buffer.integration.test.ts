import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { submissionEvent } from '../../lib/event/event.ts';
import { forgottenEvent } from '../../lib/event/forgotten-event.ts';
import { serve, type Served } from '../../lib/serve/serve.ts';
import { startCollector } from '../../testing/collector.ts';
import { startFunction } from '../../testing/process.ts';
import { startTestRedis, type TestRedis } from '../../testing/redis.ts';
import { sheetsBuffer } from './sheets-buffer.ts';

const event = submissionEvent({
  type: 'form.submitted',
  id: 'id-1',
  form: 'demo-form',
  receivedAt: new Date(5_000),
  data: { name: 'Asha', message: '=1+1' },
  dataschema: 'urn:formbus:form:demo-form:0',
  spreadsheetId: 'spreadsheet-1',
  tab: 'Übersicht/1',
  traceparent: undefined,
});

let redis: TestRedis;
let served: Served;
beforeAll(async () => {
  redis = await startTestRedis();
  served = await serve(sheetsBuffer, {
    env: { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent', REDIS_URL: redis.url },
  });
});
afterAll(async () => {
  await served.close();
  await redis.close();
});
beforeEach(async () => {
  await redis.look.flushall();
});

async function post(attributes: Record<string, unknown> = {}, url = served.url): Promise<number> {
  const headers = { 'content-type': 'application/cloudevents+json' };
  return (await fetch(url, { method: 'POST', headers, body: JSON.stringify({ ...event, ...attributes }) }))
    .status;
}
const rows = () => redis.look.hgetall('buffer:rows:spreadsheet-1');

it('keeps a submission as a row of its tab, under the time of its receipt', async () => {
  expect(await post()).toBe(204);
  expect(await rows()).toEqual({
    'Übersicht/1\nid-1': '{"@time":"1970-01-01T00:00:05.000Z","name":"Asha","message":"=1+1"}',
  });
  expect(await redis.look.zscore('buffer:pending:spreadsheet-1', 'Übersicht/1\nid-1')).toBe('5000');
});

it('answers 204 to a submission that comes again, and keeps one', async () => {
  expect([await post(), await post(), await post()]).toEqual([204, 204, 204]);
  expect(await redis.look.zcard('buffer:pending:spreadsheet-1')).toBe(1);
});

it('removes a forgotten submission and what tasks found out about it, and accepts neither again', async () => {
  const analysis = { type: 'form.analyzed', id: 'id-1/detect-slang' };
  expect([await post(), await post(analysis), await post({ id: 'id-2' })]).toEqual([204, 204, 204]);
  const { data, ...forgotten } = forgottenEvent({
    ...event,
    id: 'id-1',
    form: 'demo-form',
    sheet: 'spreadsheet-1/x',
  });
  expect(await post({ ...forgotten, data })).toBe(204);
  expect([await post(), await post(analysis)]).toEqual([204, 204]);
  expect(Object.keys(await rows())).toEqual(['Übersicht/1\nid-2']);
});

it('keeps which forms a tab has rows of, and an id for as long as SEEN_DAYS says', async () => {
  const days = await serve(sheetsBuffer, {
    env: { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent', REDIS_URL: redis.url, SEEN_DAYS: '3' },
  });
  onTestFinished(() => days.close());
  expect(await post({}, days.url)).toBe(204);
  expect(await post({ type: 'form.suspected', id: 'id-2' }, days.url)).toBe(204);
  expect(await redis.look.smembers('buffer:forms:spreadsheet-1:Übersicht/1')).toEqual(['demo-form']);
  expect(await redis.look.keys('buffer:forms:*')).toHaveLength(1);
  const [seen = ''] = await redis.look.keys('buffer:seen:*');
  expect(Math.round((await redis.look.ttl(seen)) / 86_400)).toBe(4);
});

it('counts and logs rows that are kept, seen before and forgotten, and nothing that was typed', async () => {
  const collector = await startCollector();
  onTestFinished(collector.away);
  const main = join(import.meta.dirname, '../../main.ts');
  const variables = { FUNCTION_TARGET: 'sheets-buffer', REDIS_URL: redis.url, METRICS_URL: collector.url };
  const { url, kill, exited, logged } = await startFunction(main, variables);
  const { data, ...forgotten } = forgottenEvent({ id: 'id-1', form: 'demo-form', sheet: 'spreadsheet-1/x' });
  for (const attributes of [{}, {}, {}, { ...forgotten, data }])
    expect(await post(attributes, url)).toBe(204);
  kill('SIGTERM');
  expect(await exited).toBe(0);
  expect(collector.total('formbus_rows_buffered_total', 'sheets-buffer', 'demo-form')).toBe(1);
  expect(collector.total('formbus_duplicates_total', 'sheets-buffer')).toBe(2);
  const said = logged().filter(({ form }) => form === 'demo-form');
  expect(said.map(({ id, msg }) => [id, msg])).toEqual([
    ['id-1', 'buffered'],
    ['id-1', 'seen before'],
    ['id-1', 'seen before'],
    ['id-1', 'forgotten'],
  ]);
  expect(JSON.stringify(logged())).not.toContain('Asha');
});

it('has no connection to Redis any more when it is closed', async () => {
  const connections = async () =>
    String(await redis.look.client('LIST'))
      .trim()
      .split('\n').length;
  const before = await connections();
  const other = await serve(sheetsBuffer, {
    env: { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent', REDIS_URL: redis.url },
  });
  await expect.poll(connections).toBeGreaterThan(before);
  await other.close();
  await expect.poll(connections).toBe(before);
});

it.each(['constructor', 'prototype'])(
  'refuses a field named %s, which it could not keep, instead of losing it',
  async (name) => {
    expect(await post({ data: { name: 'Asha', [name]: 'Ferrari' } })).toBe(400);
  },
);

it('refuses a number that is out of range, which would hold up all rows of its sheet', async () => {
  const headers = { 'content-type': 'application/cloudevents+json' };
  const body = JSON.stringify({ ...event, data: { score: 0 } }).replace('"score":0', '"score":1e999');
  expect((await fetch(served.url, { method: 'POST', headers, body })).status).toBe(400);
  expect(await rows()).toEqual({});
});

it('puts a suspected submission into the tab for moderators, with its form', async () => {
  expect(await post({ type: 'form.suspected' })).toBe(204);
  expect(Object.keys(await rows())).toEqual(['Moderation\nid-1']);
  expect(Object.values(await rows())[0]).toContain(
    '"@type":"form.suspected","@form":"demo-form","name":"Asha"',
  );
});

it('puts what another task found out into the tab for moderators, in columns that no field of a form has', async () => {
  const data = { id: 'forged', time: 'forged', terms: ['a', 'b'], findings: 2 };
  expect(await post({ type: 'form.analyzed', id: 'id-1/detect-slang', data })).toBe(204);
  expect(await rows()).toEqual({
    'Moderation\nid-1/detect-slang':
      '{"@time":"1970-01-01T00:00:05.000Z","@type":"form.analyzed","@form":"demo-form",' +
      '"@analyzed.id":"forged","@analyzed.time":"forged","@analyzed.terms":"a, b","@analyzed.findings":2}',
  });
});

it('accepts numbers, booleans, null and lists', async () => {
  expect(await post({ data: { n: 8.04, zero: 0, yes: true, no: false, none: null, many: ['a', 2] } })).toBe(
    204,
  );
  expect(Object.values(await rows())[0]).toContain(
    '"n":8.04,"zero":0,"yes":true,"no":false,"none":"","many":"a, 2"',
  );
});

it.each([
  { data: { '@id': 'forged' } },
  { data: { nested: { deep: 1 } } },
  { data: 'text' },
  { sheet: 'no-tab' },
  { sheet: 'spreadsheet-1/%E0%A4%A' },
  { sheet: 'spreadsheet-1/a%0Ab' },
  { sheet: `spreadsheet-1/${'x'.repeat(101)}` },
  { id: 'two\nlines' },
])('refuses permanently what can never be a row: %o', async (attributes) => {
  expect(await post(attributes)).toBe(400);
  expect(await rows()).toEqual({});
});

it('answers 503 while Redis is down, started before it or not, and accepts the event once Redis is back', async () => {
  redis.kill('SIGKILL');
  const early = await serve(sheetsBuffer, {
    env: { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent', REDIS_URL: redis.url },
  });
  await expect.poll(() => post()).toBe(503);
  await redis.restart();
  await expect.poll(() => post()).toBe(204);
  await expect.poll(() => post({ id: 'id-2' }, early.url)).toBe(204);
  expect(Object.keys(await rows())).toHaveLength(2);
  await early.close();
});
