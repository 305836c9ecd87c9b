import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import * as v from 'valibot';
import { startTestSheets, type TestSheets } from '../../testing/sheets.ts';
import { openBuffer, type RowBuffer } from '../../lib/buffer/buffer.ts';
import { openRowQueue, type RowQueue } from '../../lib/buffer/row-queue.ts';
import { submissionEvent } from '../../lib/event/event.ts';
import { Submission } from '../../lib/event/submission.ts';
import { flush } from '../sheets-flush/flush.ts';
import { forgottenEvent } from '../../lib/event/forgotten-event.ts';
import { Forgotten } from '../../lib/event/forgotten.ts';
import { openLog } from '../../lib/runtime/log.ts';
import { openDatabase, type Database } from '../../lib/stores/postgres.ts';
import { openRedis, type DurableRedis } from '../../lib/stores/redis.ts';
import { serve } from '../../lib/serve/serve.ts';
import { openSheets, type SheetRequest, type Sheets } from '../../lib/sheets/sheets.ts';
import { startCollector } from '../../testing/collector.ts';
import { killPoint } from '../../testing/kill-points.ts';
import { recordedLog } from '../../testing/log.ts';
import { startTestPostgres, type TestPostgres } from '../../testing/postgres.ts';
import { startTestRedis, type TestRedis } from '../../testing/redis.ts';
import { openArchive, type Archive } from '../archive/store.ts';
import { audit } from './audit.ts';
import { runAudit, type RunOptions } from './run.ts';

const log = openLog('test', 'silent');
const hour = 3_600_000;
let server: TestRedis;
let postgres: TestPostgres;
let emulator: TestSheets;
let redis: DurableRedis;
let database: Database;
let archive: Archive;
let buffer: RowBuffer;
let queue: RowQueue;
let sheets: Sheets;
/** Each test has a spreadsheet of its own. */
let sheet: string;
let count = 0;

beforeAll(async () => {
  const spreadsheets = Array.from({ length: 20 }, (_, i) => `s${i + 1}`);
  [server, postgres, emulator] = await Promise.all([
    startTestRedis(),
    startTestPostgres(),
    startTestSheets(spreadsheets),
  ]);
  redis = await openRedis({ REDIS_URL: server.url, REDIS_REPLICAS: 0 }, log);
  database = openDatabase({ DATABASE_URL: postgres.url }, log);
  archive = openArchive(database);
  buffer = openBuffer({ redis });
  queue = openRowQueue({ redis, seenDays: 30 });
  sheets = openSheets({ SHEETS_URL: emulator.url });
});
afterAll(async () => {
  await Promise.all([redis.close(), database.close(), emulator.close()]);
  await Promise.all([server.close(), postgres.close()]);
});
beforeEach(async () => {
  await server.look.flushall();
  await postgres.query('DROP TABLE IF EXISTS submissions, formbus_schema, formbus_lease');
  archive = openArchive(database);
  await emulator.faults.clear();
  count += 1;
  sheet = `s${count}`;
});

const run = (options: Partial<RunOptions> = {}) =>
  runAudit({
    redis,
    query: database.query,
    sheets,
    log,
    days: 7,
    mayBegin: true,
    perMinute: 100_000,
    ...options,
  });

/** Comes to the archive and, unless it gets lost there, to the buffer. */
async function submit(
  id: string,
  { form = 'demo-form', age = 2 * hour, isLost = false, type = 'form.submitted' as const } = {},
): Promise<void> {
  const receivedAt = new Date(Date.now() - age);
  const common = {
    type,
    id,
    form,
    receivedAt,
    data: { name: id },
    dataschema: 'urn:x',
    traceparent: undefined,
  };
  const event = v.parse(Submission, submissionEvent({ ...common, spreadsheetId: sheet, tab: form }));
  await archive.keep(event);
  const row = { spreadsheetId: sheet, tab: form, id, time: receivedAt.getTime(), cells: { name: id } };
  if (!isLost) await queue.push(row);
}
const write = () => flush({ buffer, sheets, log, settleMs: 0 });
async function edit(tab: string, requests: (sheetId: number) => SheetRequest[]): Promise<void> {
  const found = (await sheets.layout(sheet)).find((one) => one.tab === tab);
  await sheets.apply(sheet, requests(found?.sheetId ?? 0));
}
const deleteRow = (sheetId: number, row: number): SheetRequest => ({
  deleteDimension: { range: { sheetId, dimension: 'ROWS', startIndex: row, endIndex: row + 1 } },
});
const append = (sheetId: number, id: string): SheetRequest => ({
  appendCells: {
    sheetId,
    fields: 'userEnteredValue',
    rows: [{ values: [{ userEnteredValue: { stringValue: id } }] }],
  },
});

it('reports the deleted row as lost and the repeated row as duplicated; a row that waits, is refused, forgotten, young or old is neither', async () => {
  for (const id of ['deleted', 'twice', 'there', 'forgotten']) await submit(id);
  await submit('elsewhere', { form: 'other-form' });
  await submit('young', { age: hour / 2, isLost: true });
  await submit('old', { age: 8 * 24 * hour, isLost: true });
  await write();
  await edit('demo-form', (sheetId) => [append(sheetId, 'twice'), deleteRow(sheetId, 1)]);
  await archive.forget(
    v.parse(Forgotten, {
      ...forgottenEvent({ id: 'forgotten', form: 'demo-form', sheet: `${sheet}/demo-form` }),
    }),
  );
  await buffer.erase(sheet, 'forgotten');
  await write();
  await submit('buffered');
  await submit('in flight', { form: 'other-form' });
  await buffer.nextBatch(sheet, { before: Date.now() });
  await submit('buffered later');
  await submit('refused, its mark deleted', { isLost: true });
  await server.look.hset(`buffer:refused:${sheet}`, 'demo-form\nrefused, its mark deleted', '{}');
  const { log: kept, messages } = recordedLog();
  expect(await run({ log: kept })).toEqual({
    'demo-form': { checked: 6, lost: 1, duplicated: 1 },
    'other-form': { checked: 2, lost: 0, duplicated: 0 },
  });
  expect(messages).toEqual(['lost', 'duplicated', 'audit complete']);
});

it('finds submissions that never came to the buffer, and nothing before the first submission', async () => {
  expect(await run()).toEqual({});
  await submit('lost', { isLost: true });
  expect(await run()).toEqual({ 'demo-form': { checked: 1, lost: 1, duplicated: 0 } });
});

it('calls no row lost that moves from the buffer into the sheet, or is sorted, while it looks', async () => {
  await submit('a');
  await write();
  await submit('b');
  let looks = 0;
  const restless: Sheets = {
    ...sheets,
    async page(...place) {
      const page = await sheets.page(...place);
      looks += 1;
      if (looks > 1) return page;
      await write();
      // As it looks when a person sorts a long tab while it is read page by page.
      return ['b', 'b'];
    },
  };
  expect(await run({ sheets: restless })).toEqual({ 'demo-form': { checked: 2, lost: 0, duplicated: 0 } });
  expect(looks).toBe(2);
});

it('does not judge what it cannot read: a spreadsheet without permission, a tab without the column of ids', async () => {
  await submit('a');
  await write();
  await emulator.setRevoked(sheet, true);
  const { log: kept, messages } = recordedLog();
  expect(await run({ log: kept })).toEqual({});
  await emulator.setRevoked(sheet, false);
  await edit('demo-form', (sheetId) => [
    { deleteDimension: { range: { sheetId, dimension: 'COLUMNS', startIndex: 0, endIndex: 1 } } },
  ]);
  expect(await run({ log: kept })).toEqual({});
  const wanted = ['not checked', 'not checked: its hidden column of ids is gone'];
  expect(messages.filter((message) => message !== 'audit complete')).toEqual(wanted);
});

it('raises no false alarm while Google, Redis or the database is down, and is completed afterwards', async () => {
  await submit('a');
  await submit('deleted');
  await write();
  await edit('demo-form', (sheetId) => [deleteRow(sheetId, 2)]);
  for (const kind of ['quota', 'drop-before', 'fail-before'] as const) {
    await emulator.faults.add([{ kind, calls: 'read', times: 1 }]);
    await expect(run(), kind).rejects.toThrow('Google Sheets');
  }
  await expect(run({ query: () => Promise.reject(new Error('gone')) })).rejects.toThrow('DATABASE_URL');
  const counts = { checked: 2, lost: 1, duplicated: 0 };
  // By the schedule that begins none.
  expect(await run({ mayBegin: false })).toEqual({ 'demo-form': counts });
});

it('killed at each of its steps, it is completed by the next runs with the same result', async () => {
  for (const form of ['a', 'b', 'c', 'd', 'e']) {
    await submit(`there ${form}`, { form });
    await submit(`lost ${form}`, { form, isLost: true });
  }
  await write();
  const result = Object.fromEntries(
    ['a', 'b', 'c', 'd', 'e'].map((form) => [form, { checked: 2, lost: 1, duplicated: 0 }]),
  );
  for (let n = 0; ; n += 1) {
    const kill = killPoint(n);
    const dying = { redis: kill.redis(redis), sheets: kill.sheets(sheets), places: 2 };
    await run(dying).catch(() => {});
    const isOver = (await server.look.exists('audit:run')) === 0;
    expect(await run({ mayBegin: isOver }), `killed at ${n}`).toEqual(result);
    expect(await run({ mayBegin: false })).toBeUndefined();
    if (!kill.wasReached()) return expect(n).toBeGreaterThan(40);
  }
}, 120_000);

it('leaves an audit to the process that has continued it meanwhile', async () => {
  for (const form of ['a', 'b', 'c']) await submit(`there ${form}`, { form });
  await write();
  const before = (page: number, act: () => Promise<unknown>): Sheets => {
    let pages = 0;
    return {
      ...sheets,
      async page(...place) {
        pages += 1;
        if (pages === page) await act();
        return sheets.page(...place);
      },
    };
  };
  const end = () => Promise.reject(new Error('ended after its first part'));
  await expect(run({ places: 1, sheets: before(2, end) })).rejects.toThrow('first part');
  let other: unknown;
  const goOn = async () => (other = await run({ mayBegin: false }));
  expect(await run({ mayBegin: false, sheets: before(1, goOn) })).toBeUndefined();
  const there = { checked: 1, lost: 0, duplicated: 0 };
  expect(other).toEqual({ a: there, b: there, c: there });
  expect(await run({ mayBegin: false })).toBeUndefined();
});

it('makes parts smaller that take longer than a request may', async () => {
  for (const form of ['a', 'b', 'c', 'd']) await submit(`there ${form}`, { form });
  await write();
  let time = Date.now();
  const slow: Sheets = {
    ...sheets,
    page(...place) {
      time += 200_000;
      return sheets.page(...place);
    },
  };
  const options = { sheets: slow, now: () => time, places: 4 };
  let runs = 1;
  let result = await run(options);
  for (; !result && runs < 20; runs += 1) result = await run({ ...options, mayBegin: false });
  expect(Object.keys(result ?? {})).toEqual(['a', 'b', 'c', 'd']);
  expect(runs).toBeGreaterThan(1);
});

it('answers with the result, sets the metrics, begins no audit when it may only continue one, and does nothing without an archive', async () => {
  const collector = await startCollector();
  const env = {
    PORT: '0',
    HOST: '127.0.0.1',
    LOG_LEVEL: 'silent',
    REDIS_URL: server.url,
    SHEETS_URL: emulator.url,
  };
  const served = await serve(audit, {
    env: { ...env, DATABASE_URL: postgres.url, METRICS_URL: collector.url },
  });
  onTestFinished(served.close);
  const post = (data: unknown, url = served.url) =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/cloudevents+json' },
      body: JSON.stringify({ specversion: '1.0', id: '1', type: 'ping', source: '/ping', data }),
    });
  const day = 24 * hour;
  await submit('there', { age: 6 * day });
  await submit('lost', { form: 'other-form', isLost: true });
  await submit('old', { form: 'other-form', isLost: true, age: 8 * day });
  await write();
  expect((await post({ continue: true })).status).toBe(204);
  const answer = await post({});
  expect([answer.status, answer.headers.get('ce-type'), answer.headers.get('ce-id')]).toEqual([
    200,
    'audit.completed',
    '1/audit',
  ]);
  expect(await answer.json()).toEqual({
    forms: {
      'demo-form': { checked: 1, lost: 0, duplicated: 0 },
      'other-form': { checked: 1, lost: 1, duplicated: 0 },
    },
  });
  const lost = () => collector.total('formbus_audit_lost', 'audit', 'other-form');
  await expect.poll(lost).toBe(1);
  expect(collector.total('formbus_audit_checked_submissions', 'audit', 'demo-form')).toBe(1);
  const at = collector.total('formbus_audit_timestamp_seconds', 'audit') ?? 0;
  expect(Math.abs(at - Date.now() / 1_000)).toBeLessThan(60);
  // While it waits for the database, there is no second one.
  const goOn = await postgres.freeze();
  const both = [post({}), post({})];
  expect((await Promise.race(both)).status).toBe(204);
  goOn();
  expect(new Set((await Promise.all(both)).map(({ status }) => status))).toEqual(new Set([200, 204]));
  // A form that has nothing to look at any more has nothing lost.
  await postgres.query("DELETE FROM submissions WHERE form = 'other-form'");
  expect((await post({})).status).toBe(200);
  await expect.poll(lost).toBe(0);

  const without = await serve(audit, { env });
  onTestFinished(without.close);
  expect((await post({}, without.url)).status).toBe(204);
});

it('has no connection to Redis and to the database any more when it is closed', async () => {
  const clients = async () =>
    String(await server.look.client('LIST'))
      .trim()
      .split('\n').length;
  const sessions = () =>
    postgres.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'to-close'");
  const before = await clients();
  const { url, close } = await serve(audit, {
    env: {
      PORT: '0',
      HOST: '127.0.0.1',
      LOG_LEVEL: 'silent',
      REDIS_URL: server.url,
      SHEETS_URL: emulator.url,
      DATABASE_URL: `${postgres.url}?application_name=to-close`,
    },
  });
  // Something to look at: a session whose statement fails is closed at once.
  await submit('there');
  const ping = JSON.stringify({ specversion: '1.0', id: '1', type: 'ping', source: '/ping' });
  const headers = { 'content-type': 'application/cloudevents+json' };
  expect((await fetch(url, { method: 'POST', headers, body: ping })).status).toBe(200);
  expect([(await clients()) > before, (await sessions()).length > 0]).toEqual([true, true]);
  await close();
  await expect.poll(async () => [await clients(), await sessions()]).toEqual([before, []]);
});
