import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startTestSheets, type TestSheets } from '../../testing/sheets.ts';
import { killPoint } from '../../testing/kill-points.ts';
import { recordedLog } from '../../testing/log.ts';
import { startTestRedis, type TestRedis } from '../../testing/redis.ts';
import { openBuffer, type RowBuffer } from './buffer.ts';
import { openRowQueue, type RowQueue } from './row-queue.ts';
import { flush } from '../../tasks/sheets-flush/flush.ts';
import { openRedis, type DurableRedis } from '../stores/redis.ts';
import { SheetsError } from '../sheets/sheets-error.ts';
import { openSheets, type SheetRequest, type Sheets } from '../sheets/sheets.ts';

const { log } = recordedLog();
let server: TestRedis;
let redis: DurableRedis;
let buffer: RowBuffer;
let queue: RowQueue;
let emulator: TestSheets;
let sheets: Sheets;
/** Each test has a spreadsheet of its own. */
let sheet: string;
let count = 0;

beforeAll(async () => {
  server = await startTestRedis();
  redis = await openRedis({ REDIS_URL: server.url, REDIS_REPLICAS: 0 }, log);
  buffer = openBuffer({ redis });
  queue = openRowQueue({ redis, seenDays: 30 });
  const spreadsheets = Array.from({ length: 200 }, (_, i) => `s${i + 1}`);
  emulator = await startTestSheets(spreadsheets);
  sheets = openSheets({ SHEETS_URL: emulator.url });
});
afterAll(async () => {
  await emulator.close();
  await redis.close();
  await server.close();
});
beforeEach(async () => {
  await server.look.flushall();
  count += 1;
  sheet = `s${count}`;
});

const secret = 'Asha Rao';
const push = (id: string, { tab = 'form', to = queue, name = secret } = {}) =>
  to.push({ spreadsheetId: sheet, tab, id, time: 1, cells: { '@time': 't', name } });
const run = (more: { sheets?: Sheets; buffer?: RowBuffer } = {}) =>
  flush({ buffer, sheets, log, settleMs: 0, ...more });

/** Everything in the spreadsheet, row by row; empty rows left out. */
async function standing(): Promise<string[][]> {
  const tabs = (await sheets.layout(sheet)).filter(({ tab }) => tab !== undefined);
  const rows: string[][] = [];
  for (const tab of tabs) {
    const columns = await Promise.all(
      [...tab.columns.values()].map((index) => sheets.column(sheet, tab, index)),
    );
    const length = Math.max(...columns.map((column) => column.length));
    for (let row = 1; row < length; row += 1) rows.push(columns.map((column) => column[row] ?? ''));
  }
  return rows.filter((row) => row.some(Boolean));
}
const ids = async () => (await standing()).map(([id]) => id);

/** Every key of Redis with all that is in it. */
async function dump(): Promise<string> {
  const read = { string: 'get', hash: 'hgetall', set: 'smembers' } as const;
  const texts = (await server.look.keys('*')).map(async (key) => {
    const type = await server.look.type(key);
    if (type === 'zset') return [key, await server.look.zrange(key, '0', '-1')];
    if (type !== 'string' && type !== 'hash' && type !== 'set') throw new Error(type);
    return [key, await server.look[read[type]](key)];
  });
  return JSON.stringify(await Promise.all(texts));
}

async function expectForgotten(): Promise<void> {
  expect(JSON.stringify(await standing())).not.toContain(secret);
  expect(await dump()).not.toContain(secret);
  expect(await buffer.erasures(sheet)).toEqual([]);
  expect(await buffer.waiting()).toEqual([]);
}

it('removes a row that waits, and never again accepts it or what tasks find out about it', async () => {
  await push('a');
  await push('b', { name: 'Ben' });
  await push('a/detect-slang', { tab: 'Moderation' });
  await buffer.erase(sheet, 'a');
  expect(await dump()).not.toContain(secret);
  expect([await push('a'), await push('a', { tab: 'other' }), await push('a/another')]).toEqual([
    false,
    false,
    false,
  ]);
  expect(await push('ab', { name: 'Ab' })).toBe(true);
  await run();
  expect(await ids()).toEqual(['ab', 'b']);
  await expectForgotten();
});

it('takes rows out of every tab of the spreadsheet, and no other submission’s', async () => {
  for (const id of ['a', 'b', 'ab']) await push(id, id === 'a' ? {} : { name: id });
  await push('a/detect-slang', { tab: 'Moderation' });
  await run();
  expect(new Set(await ids())).toEqual(new Set(['a', 'a/detect-slang', 'ab', 'b']));
  await buffer.erase(sheet, 'a');
  await run();
  expect(await ids()).toEqual(['ab', 'b']);
  await expectForgotten();
  await buffer.erase(sheet, 'a');
  await run();
  expect(await ids()).toEqual(['ab', 'b']);
  expect(await buffer.waiting()).toEqual([]);
});

it('takes out a row of a batch in flight, written or not, and the batch stays what it was', async () => {
  for (const hasLanded of [true, false]) {
    count += 1;
    sheet = `s${count}`;
    for (const id of ['a', 'b', 'c']) await push(id, id === 'a' ? {} : { name: id });
    const unanswered = async (id: string, requests: SheetRequest[]) => {
      if (hasLanded) await sheets.apply(id, requests);
      throw new SheetsError('no answer', undefined);
    };
    expect((await run({ sheets: { ...sheets, apply: unanswered } })).failed).toHaveLength(1);
    const before = await buffer.nextBatch(sheet, { before: 10 });
    await buffer.erase(sheet, 'a');
    expect(await dump()).not.toContain(secret);
    expect(await buffer.nextBatch(sheet, { before: 10 })).toMatchObject({
      digest: before?.digest,
      sequence: 1,
    });
    expect(await run()).toMatchObject({ failed: [] });
    expect(await ids()).toEqual(['b', 'c']);
    await expectForgotten();
    await server.look.flushall();
  }
});

it('removes a row that Google refused, and its mark', async () => {
  await push('a');
  const refusing = async (id: string, requests: SheetRequest[]) => {
    if (JSON.stringify(requests).includes(secret)) throw new SheetsError('no such row', 400);
    await sheets.apply(id, requests);
  };
  await run({ sheets: { ...sheets, apply: refusing } });
  expect(await dump()).toContain(secret);
  await buffer.erase(sheet, 'a');
  await run();
  expect(await ids()).toEqual([]);
  await expectForgotten();
});

it.each<[string, (sheetId: number) => SheetRequest]>([
  [
    'its heading was deleted',
    (sheetId) => ({ deleteDimension: { range: { sheetId, dimension: 'ROWS', startIndex: 0, endIndex: 1 } } }),
  ],
  [
    'all of it was sorted',
    (sheetId) => ({
      sortRange: { range: { sheetId, startRowIndex: 0 }, sortSpecs: [{ dimensionIndex: 0 }] },
    }),
  ],
])('takes out the row in the first line of a tab when %s', async (_, request) => {
  for (const id of ['a', 'b', 'c']) await push(id, id === 'a' ? {} : { name: id });
  await run();
  const tab = (await sheets.layout(sheet)).find((one) => one.tab === 'form');
  await sheets.apply(sheet, [request(tab?.sheetId ?? 0)]);
  await buffer.erase(sheet, 'a');
  expect(await run()).toMatchObject({ failed: [] });
  const left = tab ? await sheets.column(sheet, tab, 0) : [];
  expect(left.filter((id) => ['a', 'b', 'c'].includes(id))).toEqual(['b', 'c']);
  const names = tab ? await sheets.column(sheet, tab, 2) : [];
  expect(names).not.toContain(secret);
});

it('deletes no other row when people sort, insert or move rows meanwhile', async () => {
  const edits: ((sheetId: number) => SheetRequest)[] = [
    (sheetId) => ({
      sortRange: {
        range: { sheetId, startRowIndex: 1 },
        sortSpecs: [{ dimensionIndex: 2, sortOrder: 'DESCENDING' }],
      },
    }),
    (sheetId) => ({ insertDimension: { range: { sheetId, dimension: 'ROWS', startIndex: 1, endIndex: 2 } } }),
    (sheetId) => ({ deleteDimension: { range: { sheetId, dimension: 'ROWS', startIndex: 1, endIndex: 2 } } }),
    (sheetId) => ({
      moveDimension: {
        source: { sheetId, dimension: 'COLUMNS', startIndex: 0, endIndex: 1 },
        destinationIndex: 3,
      },
    }),
  ];
  for (const edit of edits) {
    count += 1;
    sheet = `s${count}`;
    const names = { '1': 'Zoe', '2': secret, '3': 'Ben', '4': 'Cleo', '5': 'Dan' };
    for (const [id, name] of Object.entries(names)) await push(id, { name });
    await run();
    // A person's own row has no id.
    const sheetId = (await sheets.layout(sheet)).find(({ tab }) => tab === 'form')?.sheetId ?? 0;
    const rows = [{ values: [{}, {}, { userEnteredValue: { stringValue: 'by hand' } }] }];
    await sheets.apply(sheet, [{ appendCells: { sheetId, rows, fields: 'userEnteredValue' } }]);
    await buffer.erase(sheet, '2');
    const changed = edit(sheetId);
    let done = false;
    const meddled = async (id: string, requests: SheetRequest[]) => {
      if (!done && JSON.stringify(requests).includes('deleteDimension')) {
        done = true;
        await sheets.apply(id, [changed]);
      }
      await sheets.apply(id, requests);
    };
    expect(await run({ sheets: { ...sheets, apply: meddled } })).toMatchObject({ failed: [] });
    const left = (await standing()).flat();
    // The change that deletes a row has deleted Zoe's.
    for (const name of ['Zoe', 'Ben', 'Cleo', 'Dan', 'by hand'])
      if (!('deleteDimension' in changed && name === 'Zoe')) expect(left).toContain(name);
    await expectForgotten();
  }
});

it(
  'is done in the end after a kill at any step, of the flush or of the task',
  { timeout: 120_000 },
  async () => {
    let wasReached = true;
    for (let n = 0; wasReached; n += 1) {
      await server.look.flushall();
      count += 1;
      sheet = `s${count}`;
      for (const id of ['a', 'b', 'c']) await push(id, id === 'a' ? {} : { name: id });
      if (n % 2 === 0) await run();
      await push('a/detect-slang', { tab: 'Moderation' });
      const point = killPoint(n);
      const dying = openBuffer({ redis: point.redis(redis) });
      let isNoted = false;
      await dying
        .erase(sheet, 'a')
        .then(
          () => {
            isNoted = true;
            return run({ buffer: dying, sheets: point.sheets(sheets) });
          },
          () => {},
        )
        .catch(() => {});
      wasReached = point.wasReached();
      // A flush that died has the lease for a while.
      await server.look.del(`buffer:lease:${sheet}`);
      // The Broker repeats the event of a task that died; nothing repeats a flush that died.
      if (!isNoted) await buffer.erase(sheet, 'a');
      expect(await run()).toMatchObject({ failed: [] });
      expect([n, await ids()]).toEqual([n, ['b', 'c']]);
      await expectForgotten();
    }
  },
);
