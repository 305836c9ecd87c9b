import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { submissionEvent } from '../../lib/event/event.ts';
import { forgottenEvent } from '../../lib/event/forgotten-event.ts';
import { serve, type Served } from '../../lib/serve/serve.ts';
import { startCollector } from '../../testing/collector.ts';
import { startFunction } from '../../testing/process.ts';
import { startTestPostgres, type TestPostgres } from '../../testing/postgres.ts';
import { archive } from './archive.ts';

const event = submissionEvent({
  type: 'form.submitted',
  id: 'id-1',
  form: 'demo-form',
  receivedAt: new Date(5_000),
  data: { name: 'Asha', message: '=1+1', a: 'b' },
  dataschema: 'urn:formbus:form:demo-form:0',
  spreadsheetId: 'spreadsheet-1',
  tab: 'Übersicht/1',
  traceparent: undefined,
});
const forgotten = forgottenEvent(
  { id: 'id-1', form: 'demo-form', sheet: 'spreadsheet-1/x' },
  new Date(9_000),
);

let postgres: TestPostgres;
let served: Served;
const start = (DATABASE_URL = postgres.url) =>
  serve(archive, { env: { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent', DATABASE_URL } });
beforeAll(async () => {
  postgres = await startTestPostgres();
  served = await start();
});
afterAll(async () => {
  await served.close();
  await postgres.close();
});
beforeEach(async () => {
  expect(await post()).toBe(204);
  await postgres.query('DELETE FROM submissions');
});

async function send(what: object, url = served.url): Promise<number> {
  const headers = { 'content-type': 'application/cloudevents+json' };
  return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(what) })).status;
}
const post = (attributes: Record<string, unknown> = {}, url?: string) =>
  send({ ...event, ...attributes }, url);
/** It is built in the background. */
async function expectIndex() {
  const indexes = () =>
    postgres.query(`SELECT indexrelid::regclass::text AS name FROM pg_index
      WHERE indrelid = 'submissions'::regclass AND indisvalid ORDER BY name`);
  await expect.poll(indexes).toEqual([{ name: 'submissions_in_order' }, { name: 'submissions_pkey' }]);
}
const ids = async () => (await postgres.query('SELECT id FROM submissions ORDER BY id')).map(({ id }) => id);

it('keeps a submission with everything needed to find and export it, including the order of its fields', async () => {
  expect(await post()).toBe(204);
  expect(await postgres.query('SELECT * FROM submissions')).toEqual([
    {
      id: 'id-1',
      type: 'form.submitted',
      form: 'demo-form',
      received_at: new Date(5_000),
      sheet: 'spreadsheet-1/%C3%9Cbersicht%2F1',
      dataschema: 'urn:formbus:form:demo-form:0',
      fields: ['name', 'message', 'a'],
      data: { a: 'b', name: 'Asha', message: '=1+1' },
    },
  ]);
});

it('keeps suspected submissions, too', async () => {
  expect(await post({ type: 'form.suspected' })).toBe(204);
  expect(await postgres.query('SELECT type FROM submissions')).toEqual([{ type: 'form.suspected' }]);
});

it('keeps a submission once when two instances receive it at the same time, later, or in another order', async () => {
  const other = await start();
  const events = Array.from({ length: 100 }, (_, i) => ({ id: `id-${i}` }));
  const shuffled = events.toReversed();
  const answers = await Promise.all([
    ...events.map((one) => post(one)),
    ...shuffled.map((one) => post({ ...one, data: { name: 'another' } }, other.url)),
    ...events.map((one) => post(one)),
  ]);
  expect(new Set(answers)).toEqual(new Set([204]));
  expect(await ids()).toHaveLength(100);
  const before = await postgres.query('SELECT * FROM submissions ORDER BY id');
  expect(await post({ ...events[7], data: { name: 'changed' } })).toBe(204);
  expect(await postgres.query('SELECT * FROM submissions ORDER BY id')).toEqual(before);
  await other.close();
});

it('keeps only a mark of a forgotten submission, and does not store it again', async () => {
  expect([await post(), await send(forgotten), await send(forgotten), await post()]).toEqual([
    204, 204, 204, 204,
  ]);
  const mark = {
    id: 'id-1',
    type: 'form.forgotten',
    form: 'demo-form',
    received_at: new Date(9_000),
    dataschema: '',
    fields: [],
    data: null,
  };
  expect(await postgres.query('SELECT * FROM submissions')).toMatchObject([mark]);
});

it('does not store a submission that was forgotten before it came', async () => {
  expect([await send(forgotten), await post()]).toEqual([204, 204]);
  expect(await postgres.query('SELECT id, data FROM submissions')).toEqual([{ id: 'id-1', data: null }]);
});

it('stores texts of every kind; what PostgreSQL cannot store becomes U+FFFD', async () => {
  const data = {
    long: 'é'.repeat(50_000),
    quotes: `'"\\'); DROP TABLE submissions; --`,
    marks: '\u202E\u200D👩‍👩‍👧‍👦\uFFFF\u{10FFFF}\u001F\u007F',
    'key\0\uD800': 'x',
    nul: 'a\0b',
    half: 'a\uD83Db',
    list: ['\0', 1],
    number: -0.5,
    none: null,
  };
  expect(await post({ data })).toBe(204);
  const [row] = await postgres.query('SELECT fields, data FROM submissions');
  const stored = {
    ...data,
    'key\uFFFD\uFFFD': 'x',
    nul: 'a\uFFFDb',
    half: 'a\uFFFDb',
    list: ['\uFFFD', 1],
  };
  expect(row?.['fields']).toEqual(Object.keys(data).map((key) => key.replace('\0\uD800', '\uFFFD\uFFFD')));
  expect(row?.['data']).toEqual(
    Object.fromEntries(Object.entries(stored).filter(([key]) => !key.includes('\0'))),
  );
});

it('stores odd values that arrive together, each as it is', async () => {
  const odd = [
    { large: Number.MAX_VALUE, small: 5e-324, precise: 0.1, whole: 2 ** 53 + 2, negative: -1e21 },
    { long: 'x'.repeat(90_000) },
    { json: '{"a":[1,"\\u0000"]}', backslash: '\\', quote: '"', lines: 'a\r\nb\t', array: '{a,NULL}' },
    { null: 'null', empty: '', list: [], mixed: ['1', 1, '"'], none: null, yes: true },
    Object.fromEntries([
      ['toJSON', 'y'],
      ['1', 'one'],
      ['b', ''],
    ]),
    {},
  ];
  // The first one goes alone, the others together.
  const all = [{}, ...odd, ...odd, ...odd].map((data, n) => ({
    id: `odd-${String(n).padStart(2, '0')}`,
    data,
  }));
  expect(new Set(await Promise.all(all.map((one) => post(one))))).toEqual(new Set([204]));
  const stored = await postgres.query('SELECT id, fields, data FROM submissions ORDER BY id');
  expect(stored).toEqual(all.map(({ id, data }) => ({ id, fields: Object.keys(data), data })));
});

it('refuses permanently what can never be stored, and stores the others', async () => {
  const poison = Array.from({ length: 50 }, (_, i) => [
    { id: randomBytes(4_000).toString('hex') },
    { id: `year-${i}`, time: '+200000-01-01T00:00:00Z', form: randomBytes(4_000).toString('hex') },
    { id: `half-\uD800-${i}` },
  ]).flat();
  const good = Array.from({ length: 50 }, (_, i) => ({ id: `good-${i}` }));
  const [refused, kept] = await Promise.all([
    Promise.all(poison.map((one) => post(one))),
    Promise.all(good.map((one) => post(one))),
  ]);
  expect(new Set(refused)).toEqual(new Set([400]));
  expect(new Set(kept)).toEqual(new Set([204]));
  expect(await ids()).toEqual(good.map(({ id }) => id).toSorted());
});

it.each([{ data: { id: 1 } }, { data: {} }, { form: undefined }])(
  'refuses a malformed form.forgotten: %o',
  async (wrong) => {
    expect(await send({ ...forgotten, ...wrong })).toBe(400);
    expect(await ids()).toEqual([]);
  },
);

it('answers 503 while the database is away or lacks its tables, and takes the event once that is repaired', async () => {
  const dropTables = async () => {
    await expectIndex();
    await postgres.query('DROP TABLE submissions, formbus_schema, formbus_lease');
  };
  await expectIndex();
  await postgres.kill();
  const early = await start();
  await expect.poll(() => post()).toBe(503);
  await expect.poll(() => post()).toBe(204);
  await expect.poll(() => post({ id: 'id-2' }, early.url)).toBe(204);
  await dropTables();
  expect([await post(), await post()]).toEqual([503, 204]);
  await dropTables();
  expect([await send(forgotten), await send(forgotten)]).toEqual([503, 204]);
  expect(await postgres.query('SELECT id, data FROM submissions')).toEqual([{ id: 'id-1', data: null }]);
  await early.close();
});

it('counts and logs what it keeps, has already and forgets, and nothing that a person typed', async () => {
  const collector = await startCollector();
  onTestFinished(collector.away);
  const main = join(import.meta.dirname, '../../main.ts');
  const env = { FUNCTION_TARGET: 'archive', DATABASE_URL: postgres.url, METRICS_URL: collector.url };
  const { url, kill, exited, logged } = await startFunction(main, env);
  for (const one of [event, event, event, forgotten]) expect(await send(one, url)).toBe(204);
  kill('SIGTERM');
  expect(await exited).toBe(0);
  expect(collector.total('formbus_archived_total', 'archive', 'demo-form')).toBe(1);
  expect(collector.total('formbus_duplicates_total', 'archive')).toBe(2);
  const said = logged().filter(({ form }) => form === 'demo-form');
  expect(said.map(({ id, msg }) => [id, msg])).toEqual([
    ['id-1', 'archived'],
    ['id-1', 'archived already'],
    ['id-1', 'archived already'],
    ['id-1', 'forgotten'],
  ]);
  expect(JSON.stringify(logged())).not.toContain('Asha');
});

it('builds the index for reading in order after the first submission', async () => {
  expect(await post()).toBe(204);
  await expectIndex();
});

it('has no connection to the database after close()', async () => {
  const connections = () =>
    postgres.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'to-close'");
  const other = await start(`${postgres.url}?application_name=to-close`);
  expect(await post({}, other.url)).toBe(204);
  expect(await connections()).toHaveLength(1);
  await other.close();
  await expect.poll(connections).toEqual([]);
});
