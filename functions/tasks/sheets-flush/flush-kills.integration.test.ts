import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestSheets, type TestSheets } from '../../testing/sheets.ts';
import { killPoint } from '../../testing/kill-points.ts';
import { startTestRedis, type TestRedis } from '../../testing/redis.ts';
import { openBuffer, type RowBuffer } from '../../lib/buffer/buffer.ts';
import { openRowQueue, type RowQueue } from '../../lib/buffer/row-queue.ts';
import { flush } from './flush.ts';
import { openLog } from '../../lib/runtime/log.ts';
import { openRedis, type DurableRedis } from '../../lib/stores/redis.ts';
import { SheetsError } from '../../lib/sheets/sheets-error.ts';
import { openSheets, type Sheets } from '../../lib/sheets/sheets.ts';

const log = openLog('test', 'silent');
let server: TestRedis;
let redis: DurableRedis;
let emulator: TestSheets;
let sheets: Sheets;
let count = 0;
let sheet: string;
/** What has to stand in each tab at the end. */
let pushed: Set<string>;

beforeAll(async () => {
  server = await startTestRedis();
  redis = await openRedis({ REDIS_URL: server.url, REDIS_REPLICAS: 0 }, log);
  const spreadsheets = Array.from({ length: 600 }, (_, i) => `s${i + 1}`);
  emulator = await startTestSheets(spreadsheets);
  sheets = refusing(openSheets({ SHEETS_URL: emulator.url }));
});
afterAll(async () => {
  await emulator.close();
  await redis.close();
  await server.close();
});

/** Google refuses a row that says so. */
function refusing(client: Sheets): Sheets {
  return {
    ...client,
    async apply(id, requests) {
      if (JSON.stringify(requests).includes('"bad"')) throw new SheetsError('no such row', 400);
      return client.apply(id, requests);
    },
  };
}

/** Pushes one row to the tab "form" and one to "other". */
async function push(queue: RowQueue, n: number, text = `Name ${n}`): Promise<void> {
  pushed.add(`id-${n}`);
  for (const [tab, name] of [
    ['form', text],
    ['other', `Name ${n}`],
  ] as const) {
    await queue.push({ spreadsheetId: sheet, tab, id: `id-${n}`, time: n, cells: { name } });
  }
}

async function idsOf(tab: string): Promise<string[]> {
  const layout = (await sheets.layout(sheet)).find((one) => one.tab === tab);
  return layout ? (await sheets.column(sheet, layout, layout.columns.get('@id') ?? 0)).slice(1) : [];
}

it.each([
  ['rows of two tabs', async () => {}],
  ['a row that Google refuses', (queue: RowQueue) => push(queue, 3, 'bad')],
  [
    'rows of which Redis has lost that it wrote them',
    async (queue: RowQueue, buffer: RowBuffer) => {
      await flush({ buffer, sheets, log, settleMs: 0 });
      await server.look.flushall();
      for (const n of [1, 2]) await push(queue, n);
    },
  ],
  [
    'numbers that Redis has lost',
    async (queue: RowQueue, buffer: RowBuffer) => {
      await flush({ buffer, sheets, log, settleMs: 0 });
      await server.look.set(`buffer:sequence:${sheet}`, 0);
      await push(queue, 3);
    },
  ],
])(
  'killed at each of its steps, the flush leaves every row once: %s',
  async (_, prepare) => {
    const buffer = openBuffer({ redis });
    const queue = openRowQueue({ redis, seenDays: 30 });
    for (let n = 0; ; n += 1) {
      await server.look.flushall();
      count += 1;
      sheet = `s${count}`;
      pushed = new Set();
      for (const one of [1, 2]) await push(queue, one);
      await prepare(queue, buffer);

      const kill = killPoint(n);
      const dying = { buffer: openBuffer({ redis: kill.redis(redis) }), sheets: kill.sheets(sheets) };
      await flush({ ...dying, log, settleMs: 0 }).catch(() => {});

      await push(queue, 9);
      for (let again = 0; again < 3; again += 1) {
        await server.look.del(`buffer:lease:${sheet}`);
        // Later than what is parked is left alone.
        const now = () => Date.now() + again * 300_000;
        await flush({ buffer, sheets, log, settleMs: 0, now });
      }
      expect(await buffer.waiting(), `killed at ${n}`).toEqual([]);
      for (const tab of ['form', 'other']) {
        expect((await idsOf(tab)).toSorted(), `${tab}, killed at ${n}`).toEqual([...pushed].toSorted());
      }
      if (!kill.wasReached()) return expect(n).toBeGreaterThan(12);
    }
  },
  240_000,
);
