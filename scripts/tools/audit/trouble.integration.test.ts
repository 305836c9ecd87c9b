import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBuffer, type RowBuffer } from '../../../functions/lib/buffer/buffer.ts';
import { openRowQueue, type RowQueue } from '../../../functions/lib/buffer/row-queue.ts';
import { flush } from '../../../functions/tasks/sheets-flush/flush.ts';
import { openLog } from '../../../functions/lib/runtime/log.ts';
import { openRedis, type DurableRedis } from '../../../functions/lib/stores/redis.ts';
import { SheetsError } from '../../../functions/lib/sheets/sheets-error.ts';
import { openSheets, type SheetRequest, type Sheets } from '../../../functions/lib/sheets/sheets.ts';
import { recordedLog } from '../../../functions/testing/log.ts';
import { startTestRedis, type TestRedis } from '../../../functions/testing/redis.ts';
import { startSheets } from '../../emulators/sheets/server.ts';
import { temporaryFolder } from '../../testing/formbus.ts';
import { openAuditedBuffer, type AuditedBuffer } from './buffer.ts';
import { look } from './look.ts';
import { keyOf, type LoggedRow } from './report.ts';
import { reconcile } from './compare-with-sheet.ts';
import { repair } from './repair.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: TestRedis;
let redis: DurableRedis;
let buffer: RowBuffer;
let queue: RowQueue;
let emulator: Awaited<ReturnType<typeof startSheets>>;
let sheets: Sheets;
let audited: AuditedBuffer;

beforeAll(async () => {
  folder = await temporaryFolder();
  server = await startTestRedis();
  redis = await openRedis({ REDIS_URL: server.url, REDIS_REPLICAS: 0 }, openLog('test', 'silent'));
  buffer = openBuffer({ redis });
  queue = openRowQueue({ redis, seenDays: 30 });
  const quota = { perUser: 100_000, perProject: 100_000 };
  const spreadsheets = ['ill', 'well', 'spare'].flatMap((id) => [0, 1, 2, 3, 4].map((n) => `${id}-${n}`));
  emulator = await startSheets({ dir: folder.path, spreadsheets, quota });
  sheets = openSheets({ SHEETS_URL: emulator.url });
  audited = await openAuditedBuffer(server.url);
});
afterAll(async () => {
  audited.close();
  await emulator.close();
  await redis.close();
  await server.close();
  await folder.remove();
});

const logged = (spreadsheetId: string, n: number): LoggedRow => ({
  seq: n,
  trigger: 'sheets-buffer',
  spreadsheetId,
  tab: 'form',
  id: `id-${n}`,
  form: 'demo-form',
  time: new Date(n * 1_000).toISOString(),
  waiting: false,
  dead: false,
});
async function push(rows: LoggedRow[]): Promise<void> {
  for (const { spreadsheetId, tab, id, time } of rows) {
    const cells = { '@time': time, name: `Name of ${id}` };
    await queue.push({ spreadsheetId, tab, id, time: Date.parse(time), cells });
  }
}
/** What stands in the tabs of these spreadsheets, with the audit's own means. */
async function standing(spreadsheets: string[]): Promise<Map<string, number>> {
  return (await look(spreadsheets, { buffer: audited, sheets })).inSheet;
}
async function sheetIdOf(spreadsheetId: string): Promise<number> {
  return (await sheets.layout(spreadsheetId)).find(({ tab }) => tab === 'form')?.sheetId ?? -1;
}
async function addLargeTab(spreadsheetId: string, cells: number): Promise<void> {
  const gridProperties = { rowCount: cells, columnCount: 1 };
  const title = crypto.randomUUID();
  await sheets.apply(spreadsheetId, [{ addSheet: { properties: { title, gridProperties } } }]);
}
const isBad = (requests: SheetRequest[]) => JSON.stringify(requests).includes('Name of id-2');

interface Trouble {
  what: string;
  /** Done when rows 0 and 1 stand in the sheet and row 2 waits. */
  harm: (ill: string) => Promise<void> | void;
  /** Google, as it behaves then. */
  google?: () => Sheets;
  heard: string;
  named: (report: ReturnType<typeof reconcile>) => unknown;
  as: unknown;
  mend: (ill: string) => Promise<void> | void;
  pool?: string[];
}

const troubles: Trouble[] = [
  {
    what: 'a tab that somebody deleted',
    harm: async (ill) => sheets.apply(ill, [{ deleteSheet: { sheetId: await sheetIdOf(ill) } }]),
    heard: 'somebody has deleted the tab',
    named: ({ lost }) => lost.map(({ id }) => id),
    as: ['id-0', 'id-1'],
    mend: () => {},
  },
  {
    what: 'a revoked permission',
    harm: (ill) => emulator.setRevoked(ill, true),
    heard: 'not written; it stays in the buffer',
    named: ({ parked }) => parked,
    as: [expect.objectContaining({ spreadsheetId: 'ill-1', reason: expect.stringContaining('403') })],
    mend: (ill) => emulator.setRevoked(ill, false),
  },
  {
    what: 'a bad row',
    harm: () => {},
    google: () => ({
      ...sheets,
      async apply(id, requests) {
        if (id.startsWith('ill') && isBad(requests)) throw new SheetsError('no such row', 400);
        return sheets.apply(id, requests);
      },
    }),
    heard: 'row refused; it is kept aside',
    named: ({ refused }) => refused.map(({ id, reason }) => [id, reason]),
    as: [['id-2', 'no such row']],
    async mend(ill) {
      // The heading and two rows stand above its mark.
      const range = { sheetId: await sheetIdOf(ill), dimension: 'ROWS', startIndex: 3, endIndex: 4 };
      await sheets.apply(ill, [{ deleteDimension: { range } }]);
    },
  },
  {
    what: 'a full spreadsheet',
    harm: async (ill) => {
      await addLargeTab(ill, 9_999_999 - 26_000 - 9);
    },
    heard: 'no spare is left: add one to SPREADSHEET_POOL',
    named: ({ full, parked }) => [
      full.map(({ last }) => last),
      parked.map(({ spreadsheetId }) => spreadsheetId),
    ],
    as: [['ill-3'], ['ill-3']],
    mend: () => {},
    pool: ['spare-3'],
  },
];
it.each(troubles.map((trouble, n) => ({ ...trouble, n })))(
  '$what is named in the log and in the audit, harms no other sheet, and all is delivered after the repair',
  async ({ n, harm, google = () => sheets, heard, named, as, mend, pool = [] }) => {
    await server.look.flushall();
    const [ill, well] = [`ill-${n}`, `well-${n}`];
    const rows = [0, 1, 2, 3].map((id) => logged(ill, id));
    const others = [4, 5].map((id) => logged(well, id));
    const { log, messages } = recordedLog();
    const write = (through: Sheets, { spares = [], laterMs = 0 }: { spares?: string[]; laterMs?: number }) =>
      flush({ buffer, sheets: through, log, settleMs: 0, spares, now: () => Date.now() + laterMs });
    const report = async () =>
      reconcile([...rows, ...others], await look([ill, well], { buffer: audited, sheets }));

    await push(rows.slice(0, 2));
    await write(sheets, {});
    await harm(ill);
    await push([...rows.slice(2), ...others]);
    await write(google(), {});

    expect(messages.join('\n')).toContain(heard);
    expect(named(await report())).toEqual(as);
    expect(await standing([well])).toEqual(new Map(others.map((row) => [keyOf(row), 1])));

    await mend(ill);
    const { lost, refused } = await report();
    const lacking = [...lost, ...refused.filter(({ hasMark }) => !hasMark)];
    await repair(lacking, rows, { formbus: { redeliver: push }, buffer: audited, sheets });
    await write(sheets, { spares: pool, laterMs: 120_000 });

    expect(await standing([ill, well])).toEqual(new Map([...rows, ...others].map((row) => [keyOf(row), 1])));
    const { tabs } = await report();
    expect(tabs).toMatchObject([
      { 'in sheet': 4, lost: 0, refused: 0, buffered: 0, 'in flight': 0 },
      { 'in sheet': 2, lost: 0 },
    ]);
  },
);
