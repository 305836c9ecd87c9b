import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { openBuffer } from '../../lib/buffer/buffer.ts';
import { EnvError } from '../../lib/runtime/env.ts';
import { serve } from '../../lib/serve/serve.ts';
import { startCollector } from '../../testing/collector.ts';
import { startFlushing, type Flushing } from './testing.ts';
import { startFunction } from '../../testing/process.ts';
import { sheetsFlush } from './sheets-flush.ts';

let at: Flushing;
let sheet: string;
beforeAll(async () => {
  at = await startFlushing();
});
afterAll(() => at.close());
beforeEach(async () => {
  sheet = await at.begin();
});

const env = (more: Record<string, string> = {}) => ({
  PORT: '0',
  HOST: '127.0.0.1',
  LOG_LEVEL: 'silent',
  REDIS_URL: at.server.url,
  SHEETS_URL: at.emulator.url,
  SETTLE_SECONDS: '0',
  ...more,
});

/** Posts what its PingSource posts, and returns the answer. */
async function pingTo(url: string): Promise<[status: number, text: string]> {
  const body = JSON.stringify({
    specversion: '1.0',
    id: '1',
    type: 'dev.knative.sources.ping',
    source: '/p',
  });
  const headers = { 'content-type': 'application/cloudevents+json' };
  const answer = await fetch(url, { method: 'POST', headers, body });
  return [answer.status, await answer.text()];
}

async function open(more: Record<string, string> = {}) {
  const served = await serve(sheetsFlush, { env: env(more) });
  onTestFinished(() => served.close());
  return { ...served, ping: () => pingTo(served.url) };
}

it('writes what waits each time it is pinged, under the titles of the form’s fields, and counts how long that took', async () => {
  const collector = await startCollector();
  onTestFinished(collector.away);
  const { ping, close } = await open({ METRICS_URL: collector.url });
  const row = { spreadsheetId: sheet, tab: 'form', id: 'id-1', time: 1, form: 'demo-form' };
  await at.queue.push({ ...row, cells: { '@time': '2026-01-01T00:00:00Z', name: 'Asha' } });
  const begin = performance.now();
  expect(await ping()).toEqual([204, '']);
  expect(await at.rows(sheet)).toEqual([
    ['id', 'time', 'Your name'],
    ['id-1', expect.stringContaining('2026-01-01'), 'Asha'],
  ]);
  expect(await ping()).toEqual([204, '']);
  const took = (performance.now() - begin) / 1_000;
  await close();
  expect(collector.total('formbus_flush_seconds_count', 'sheets-flush')).toBe(2);
  const counted = collector.total('formbus_flush_seconds_sum', 'sheets-flush');
  expect(counted).toBeGreaterThan(0);
  expect(counted).toBeLessThan(took);
});

it('answers 409 and names what it could not write, so that only the next ping tries it again; the rest is written', async () => {
  const other = `${sheet}-other`;
  await at.emulator.make([other]);
  await at.push(sheet, 1);
  await at.push(other, 2);
  await at.emulator.setRevoked(sheet, true);
  expect(await (await open()).ping()).toEqual([409, `Not written: ${sheet}.\n`]);
  expect((await at.rows(other)).slice(1).map(([id]) => id)).toEqual(['id-2']);
  expect((await openBuffer({ redis: at.redis }).waiting()).map(({ spreadsheetId }) => spreadsheetId)).toEqual(
    [sheet],
  );
});

it('rows are held back for SETTLE_SECONDS', async () => {
  const { ping } = await open({ SETTLE_SECONDS: '1' });
  const time = Date.now();
  await at.queue.push({ spreadsheetId: sheet, tab: 'form', id: 'id-1', time, cells: { name: 'Asha' } });
  expect(await ping()).toEqual([204, '']);
  expect(Date.now() - time).toBeGreaterThanOrEqual(990);
  expect(await at.rows(sheet)).toHaveLength(2);
});

it('the rows of a full spreadsheet continue in the first of SPREADSHEET_POOL', async () => {
  const spare = `${sheet}-spare_1`;
  await at.emulator.make([spare]);
  const gridProperties = { rowCount: 9_973_999, columnCount: 1 };
  await at.sheets.apply(sheet, [{ addSheet: { properties: { title: 'large', gridProperties } } }]);
  await at.push(sheet, 1);
  expect(await (await open({ SPREADSHEET_POOL: ` ${spare} , ,` })).ping()).toEqual([204, '']);
  expect((await at.rows(spare)).slice(1).map(([id]) => id)).toEqual(['id-1']);
});

it('does not start with a wrong environment, and says what to set', async () => {
  const wrong = { SPREADSHEET_POOL: 'a,https://docs.google.com/b', SETTLE_SECONDS: '61' };
  await expect(open(wrong)).rejects.toThrow(
    new EnvError(`The environment is not complete:
  SPREADSHEET_POOL is wrong (not ids separated by commas); set it to ids of empty spreadsheets in which the rows of full ones continue, separated by commas (default: none)
  SETTLE_SECONDS is wrong (more than 60); set it to how long rows are held back so that late arrivals keep their order, in seconds (0 to 60, default 2)`),
  );
});

it('has no connection to Redis any more when it is closed', async () => {
  const connections = async () =>
    String(await at.server.look.client('LIST'))
      .trim()
      .split('\n').length;
  const before = await connections();
  const { close } = await open();
  await expect.poll(connections).toBeGreaterThan(before);
  await close();
  await expect.poll(connections).toBe(before);
});

it('logs how many rows it wrote, and an id without a row, which it removes', async () => {
  const main = join(import.meta.dirname, '../../main.ts');
  const { url, kill, exited, logged } = await startFunction(main, {
    ...env(),
    FUNCTION_TARGET: 'sheets-flush',
  });
  await at.push(sheet, 1);
  await at.server.look.zadd(`buffer:pending:${sheet}`, 2, 'form\nid-2');
  expect(await pingTo(url)).toEqual([204, '']);
  kill('SIGTERM');
  expect(await exited).toBe(0);
  expect(logged().slice(1, -1)).toMatchObject([
    { msg: 'ids without a row removed from the buffer', spreadsheetId: sheet },
    { msg: 'written', spreadsheetId: sheet, rows: 1 },
    { msg: 'flushed', rows: 1, failed: 0 },
  ]);
});
