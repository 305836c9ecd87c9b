import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { startTestSheets, type TestSheets } from '../../testing/sheets.ts';
import { killPoint } from '../../testing/kill-points.ts';
import { recordedLog } from '../../testing/log.ts';
import { startTestRedis, type TestRedis } from '../../testing/redis.ts';
import { openBuffer } from '../../lib/buffer/buffer.ts';
import { openRowQueue } from '../../lib/buffer/row-queue.ts';
import { flush } from './flush.ts';
import { openLog } from '../../lib/runtime/log.ts';
import { openRedis, type DurableRedis } from '../../lib/stores/redis.ts';
import { openSheets, type Sheets } from '../../lib/sheets/sheets.ts';
import { continuations } from '../../lib/sheets/spreadsheet-pool.ts';

let server: TestRedis;
let redis: DurableRedis;
let emulator: TestSheets;
let sheets: Sheets;
/** Each test has spreadsheets of its own: one for the rows, and two that are spare. */
let count = 0;
let first: string;
let spares: string[];

beforeAll(async () => {
  server = await startTestRedis();
  redis = await openRedis({ REDIS_URL: server.url, REDIS_REPLICAS: 0 }, openLog('test', 'silent'));
  const spreadsheets = Array.from({ length: 600 }, (_, i) => `s${i}`);
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
  nextSpreadsheets();
});

function nextSpreadsheets(): void {
  first = `s${count}`;
  spares = [`s${count + 1}`, `s${count + 2}`];
  count += 3;
}

/** Makes a spreadsheet this large, but for the 26,000 cells that a new one has. */
async function fill(spreadsheetId: string, cells: number): Promise<void> {
  const gridProperties = { rowCount: cells - 26_000, columnCount: 1 };
  await sheets.apply(spreadsheetId, [
    { addSheet: { properties: { title: crypto.randomUUID(), gridProperties } } },
  ]);
}

const push = (n: number, { on = redis, to = first } = {}) =>
  openRowQueue({ redis: on, seenDays: 30 }).push({
    spreadsheetId: to,
    tab: 'form',
    id: `id-${n}`,
    time: n,
    cells: { name: `Name ${n}` },
  });

async function run({ on = redis, through = sheets, pool = spares, laterMs = 0 } = {}) {
  const { log, messages } = recordedLog();
  const buffer = openBuffer({ redis: on });
  const now = () => Date.now() + laterMs;
  const result = await flush({ buffer, sheets: through, log, settleMs: 0, spares: pool, now });
  return { ...result, messages };
}

async function idsIn(spreadsheetId: string): Promise<string[]> {
  const tab = (await sheets.layout(spreadsheetId)).find((one) => one.tab === 'form');
  return tab ? (await sheets.column(spreadsheetId, tab, tab.columns.get('@id') ?? 0)).slice(1) : [];
}

it('the rows of a spreadsheet that is 80 % full continue in the next of the pool', async () => {
  await fill(first, 7_999_900);
  await push(1);
  expect((await run()).rows).toBe(1);
  expect(await continuations(first, sheets)).toEqual([first]);
  await fill(first, 27_000);
  await push(2);
  const { messages } = await run();
  expect(messages).toContain('the spreadsheet is 80 % full; its rows continue in the next one');
  await push(3);
  await push(1);
  await run();
  expect([await idsIn(first), await idsIn(spares[0] ?? '')]).toEqual([['id-1', 'id-2'], ['id-3']]);
  expect(await continuations(first, sheets)).toEqual([first, spares[0]]);
});

it('a batch that finds no room any more goes to the next one, whole', async () => {
  await fill(first, 9_999_999);
  for (const n of [1, 2, 3]) await push(n);
  expect(await run()).toMatchObject({ rows: 3, failed: [] });
  expect([await idsIn(first), await idsIn(spares[0] ?? '')]).toEqual([[], ['id-1', 'id-2', 'id-3']]);
});

it('continues in the one after that when the next is full as well', async () => {
  await fill(first, 8_000_000);
  await fill(spares[0] ?? '', 8_000_000);
  for (const n of [1, 2, 3]) {
    await push(n);
    await run();
  }
  const all = await continuations(first, sheets);
  expect(all).toEqual([first, ...spares]);
  expect(await Promise.all(all.map(idsIn))).toEqual([['id-1'], ['id-2'], ['id-3']]);
});

it('while the pool is short it says so, and the rows go into what room is left', async () => {
  await fill(first, 8_000_000);
  await push(1);
  const { messages } = await run({ pool: [] });
  expect(messages.join()).toContain('no spare is left: add one to SPREADSHEET_POOL');
  await push(2);
  await run({ pool: [] });
  expect(await idsIn(first)).toEqual(['id-1', 'id-2']);
  await push(3);
  await run();
  await push(4);
  await run();
  expect([await idsIn(first), await idsIn(spares[0] ?? '')]).toEqual([['id-1', 'id-2', 'id-3'], ['id-4']]);
});

it('a spreadsheet of the pool that cannot be used is named, and a replacement is used', async () => {
  await fill(first, 8_000_000);
  await push(1);
  expect((await run({ pool: ['nowhere'] })).messages.join()).toContain('next one cannot be used');
  expect(await continuations(first, sheets)).toEqual([first]);
  await push(2);
  await run();
  expect(await continuations(first, sheets)).toEqual([first, spares[0]]);
});

it('no two spreadsheets continue in the same one', async () => {
  const second = spares[1] ?? '';
  const pool = spares.slice(0, 1);
  await Promise.all([fill(first, 8_000_000), fill(second, 8_000_000)]);
  await push(1);
  await push(2, { to: second });
  const { messages } = await run({ pool });
  expect(messages.filter((one) => one.includes('its rows continue in the next one'))).toHaveLength(1);
  expect(messages.filter((one) => one.includes('no spare is left'))).toHaveLength(1);
});

it('two flushes that move on at once continue in the same spreadsheet', async () => {
  await fill(first, 8_000_000);
  await push(1);
  let isSecond = false;
  const slow: Sheets = {
    ...sheets,
    async successor(spreadsheetId) {
      const found = await sheets.successor(spreadsheetId);
      const layout = await sheets.layout(spreadsheetId);
      if (!isSecond && layout.some(({ tab }) => tab === 'form')) {
        isSecond = true;
        await push(2);
        await server.look.del(`buffer:lease:${first}`);
        await run();
      }
      return found;
    },
  };
  await run({ through: slow });
  await push(3);
  await run();
  const chain = await continuations(first, sheets);
  expect(chain).toEqual([first, spares[0]]);
  expect((await Promise.all(chain.map(idsIn))).flat()).toEqual(['id-1', 'id-2', 'id-3']);
});

it('when Redis has lost everything, the chain is found in the spreadsheets, and nothing is duplicated', async () => {
  await fill(first, 8_000_000);
  for (const n of [1, 2]) {
    await push(n);
    await run();
  }
  await server.look.flushall();
  for (const n of [1, 2, 3]) await push(n);
  expect((await run()).rows).toBe(1);
  expect([await idsIn(first), await idsIn(spares[0] ?? '')]).toEqual([['id-1'], ['id-2', 'id-3']]);
});

it('when Redis has lost only that the rows continue elsewhere, nothing more is written into the full spreadsheet', async () => {
  await fill(first, 8_000_000);
  for (const n of [1, 2]) {
    await push(n);
    await run();
  }
  await server.look.del(`buffer:target:${first}`);
  await push(3);
  expect((await run()).failed).toEqual([]);
  expect([await idsIn(first), await idsIn(spares[0] ?? '')]).toEqual([['id-1'], ['id-2', 'id-3']]);
});

it.each([8_000_000, 9_999_999])(
  'each row stands in one of them once when the flush dies before or after any step; cells: %i',
  async (cells) => {
    for (let n = 0; ; n += 1) {
      await server.look.flushall();
      nextSpreadsheets();
      await fill(first, cells);
      await push(1);
      await push(2);
      const kill = killPoint(n);
      await run({ on: kill.redis(redis), through: kill.sheets(sheets) }).catch(() => {});
      await push(3);
      for (let again = 0; again < 3; again += 1) {
        await server.look.del(`buffer:lease:${first}`);
        await run({ laterMs: again * 300_000 });
      }
      const ids = (await Promise.all((await continuations(first, sheets)).map(idsIn))).flat();
      expect(ids, `killed at chance ${n}`).toEqual(['id-1', 'id-2', 'id-3']);
      if (!kill.wasReached()) return expect(n).toBeGreaterThan(15);
    }
  },
);
