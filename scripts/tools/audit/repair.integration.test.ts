import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { openBuffer, type RowBuffer } from '../../../functions/lib/buffer/buffer.ts';
import { openRowQueue, type RowQueue } from '../../../functions/lib/buffer/row-queue.ts';
import { flush } from '../../../functions/tasks/sheets-flush/flush.ts';
import { openLog } from '../../../functions/lib/runtime/log.ts';
import { openRedis, type DurableRedis } from '../../../functions/lib/stores/redis.ts';
import { SheetsError } from '../../../functions/lib/sheets/sheets-error.ts';
import { openSheets, type Sheets, type SheetRequest } from '../../../functions/lib/sheets/sheets.ts';
import { startTestRedis, type TestRedis } from '../../../functions/testing/redis.ts';
import { startSheets } from '../../emulators/sheets/server.ts';
import { temporaryFolder } from '../../testing/formbus.ts';
import { openAuditedBuffer, type AuditedBuffer } from './buffer.ts';
import { look } from './look.ts';
import type { ReadSheets } from '../../../functions/lib/sheets/standing.ts';
import type { LoggedRow } from './report.ts';
import { reconcile } from './compare-with-sheet.ts';
import { repair } from './repair.ts';

const log = openLog('test', 'silent');
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: TestRedis;
let redis: DurableRedis;
let buffer: RowBuffer;
let queue: RowQueue;
let emulator: Awaited<ReturnType<typeof startSheets>>;
let sheets: Sheets;
let audited: AuditedBuffer;
let spreadsheetId: string;
let count = 0;

beforeAll(async () => {
  folder = await temporaryFolder();
  server = await startTestRedis();
  redis = await openRedis({ REDIS_URL: server.url, REDIS_REPLICAS: 0 }, log);
  buffer = openBuffer({ redis });
  queue = openRowQueue({ redis, seenDays: 30 });
  const spreadsheets = Array.from({ length: 20 }, (_, i) => `s${i + 1}`);
  const quota = { perUser: 100_000, perProject: 100_000 };
  emulator = await startSheets({ dir: folder.path, spreadsheets, quota });
  sheets = openSheets({ SHEETS_URL: emulator.url });
  audited = await openAuditedBuffer(server.url, { patienceMs: 300 });
});
afterAll(async () => {
  audited.close();
  await emulator.close();
  await redis.close();
  await server.close();
  await folder.remove();
});
beforeEach(async () => {
  await server.look.flushall();
  count += 1;
  spreadsheetId = `s${count}`;
});

/** Submissions in the log: row n was received at second n. */
const logged = (...numbers: number[]): LoggedRow[] =>
  numbers.map((n) => ({
    seq: n,
    trigger: 'sheets-buffer',
    spreadsheetId,
    tab: 'form',
    id: `id-${n}`,
    form: 'demo-form',
    time: new Date(n * 1_000).toISOString(),
    waiting: false,
    dead: false,
  }));
/** What the Broker and the task do with an event that is delivered again. */
const formbus = { redeliver: (rows: LoggedRow[]) => push(rows) };
async function push(rows: LoggedRow[]): Promise<void> {
  for (const { tab, id, time } of rows) {
    const cells = { '@time': time, name: id };
    await queue.push({ spreadsheetId, tab, id, time: Date.parse(time), cells });
  }
}
const write = () => flush({ buffer, sheets, log, settleMs: 0 });
const tabOf = async () => (await sheets.layout(spreadsheetId)).find(({ tab }) => tab === 'form');
async function idsInSheet(): Promise<string[]> {
  const tab = await tabOf();
  return tab ? (await sheets.column(spreadsheetId, tab, tab.columns.get('@id') ?? 0)).slice(1) : [];
}
async function namesInSheet(): Promise<string[]> {
  const tab = await tabOf();
  return tab ? (await sheets.column(spreadsheetId, tab, tab.columns.get('name') ?? 0)).slice(1) : [];
}
/** Deletes the n-th row below the heading, or other things. */
async function edit(request: (sheetId: number) => SheetRequest): Promise<void> {
  await sheets.apply(spreadsheetId, [request((await tabOf())?.sheetId ?? 0)]);
}
const deleteRow = (n: number) => edit((sheetId) => deletion(sheetId, 'ROWS', n));
const deletion = (sheetId: number, dimension: string, startIndex: number): SheetRequest => ({
  deleteDimension: { range: { sheetId, dimension, startIndex, endIndex: startIndex + 1 } },
});
const lostOf = async (rows: LoggedRow[]) =>
  reconcile(rows, await look([spreadsheetId], { buffer: audited, sheets })).lost;

async function writeThree(): Promise<LoggedRow[]> {
  const rows = logged(1, 2, 3);
  await push(rows);
  await write();
  return rows;
}

it('puts a row back that is gone from its sheet, once, however often it is repaired', async () => {
  const rows = await writeThree();
  await deleteRow(2);
  const lost = await lostOf(rows);
  expect(lost.map(({ id }) => id)).toEqual(['id-2']);
  const parts = { formbus, buffer: audited, sheets };
  expect(await repair(lost, rows, parts)).toEqual({ putBack: ['id-2'], left: [] });
  expect(await lostOf(rows)).toEqual([]);
  expect(await repair(lost, rows, parts)).toEqual({ putBack: [], left: [] });
  await write();
  expect(await repair(lost, rows, parts)).toEqual({ putBack: [], left: [] });
  await write();
  expect(await idsInSheet()).toEqual(['id-1', 'id-3', 'id-2']);
});

it.each<[string, (sheetId: number) => SheetRequest]>([
  ['its heading was deleted', (sheetId) => deletion(sheetId, 'ROWS', 0)],
  [
    'all of it was sorted',
    (sheetId) => ({
      sortRange: {
        range: { sheetId, startRowIndex: 0 },
        sortSpecs: [{ dimensionIndex: 1, sortOrder: 'ASCENDING' }],
      },
    }),
  ],
])('finds the row in the first line of a tab when %s, and writes it no second time', async (_, request) => {
  const rows = await writeThree();
  await edit(request);
  const report = reconcile(rows, await look([spreadsheetId], { buffer: audited, sheets }));
  expect(report).toMatchObject({ lost: [], duplicated: [] });
  expect(await repair(rows, rows, { formbus, buffer: audited, sheets })).toEqual({ putBack: [], left: [] });
  await server.look.flushall();
  await push(rows);
  await write();
  const tab = await tabOf();
  const standing = tab ? await sheets.column(spreadsheetId, tab, 0) : [];
  expect(standing.filter((id) => id.startsWith('id-'))).toHaveLength(3);
});

it('names a tab that is parked by itself, and counts its rows as buffered', async () => {
  const rows = await writeThree();
  emulator.setProtected(spreadsheetId, 'form', true);
  const more = logged(4);
  await push(more);
  await write();
  const found = await look([spreadsheetId], { buffer: audited, sheets });
  const report = reconcile([...rows, ...more], found);
  expect(report.parked).toMatchObject([{ spreadsheetId, tab: 'form', reason: /protected cell/ }]);
  expect(report).toMatchObject({ lost: [], tabs: [{ buffered: 1, 'in sheet': 3 }] });
  expect(await repair(more, more, { formbus, buffer: audited, sheets })).toEqual({ putBack: [], left: [] });
  emulator.setProtected(spreadsheetId, 'form', false);
  await flush({ buffer, sheets, log, settleMs: 0, now: () => Date.now() + 100_000 });
  expect(await idsInSheet()).toEqual(['id-1', 'id-2', 'id-3', 'id-4']);
});

it('brings back all rows of a tab that was deleted', async () => {
  const rows = await writeThree();
  await edit((sheetId) => ({ deleteSheet: { sheetId } }));
  const { lost, gone } = reconcile(rows, await look([spreadsheetId], { buffer: audited, sheets }));
  expect(gone).toEqual([`${spreadsheetId}/form`]);
  await repair(lost, rows, { formbus, buffer: audited, sheets });
  await write();
  expect(await idsInSheet()).toEqual(['id-1', 'id-2', 'id-3']);
});

it('reads all spreadsheets in which the rows of a full one continue, and names it', async () => {
  const rows = await writeThree();
  const gridProperties = { rowCount: 400_000, columnCount: 20 };
  await sheets.apply(spreadsheetId, [{ addSheet: { properties: { title: 'large', gridProperties } } }]);
  const report = async () => reconcile(rows, await look([spreadsheetId], { buffer: audited, sheets }));
  expect((await report()).full).toEqual([{ spreadsheetId, last: spreadsheetId }]);
  count += 1;
  const next = `s${count}`;
  for (const row of logged(4, 5, 6)) {
    rows.push(row);
    await push([row]);
    await flush({ buffer, sheets, log, settleMs: 0, spares: [next] });
  }
  expect(await report()).toMatchObject({ full: [{ spreadsheetId, last: next }], lost: [], duplicated: [] });
  const [, tab] = await sheets.layout(next);
  await sheets.apply(next, [deletion(tab?.sheetId ?? 0, 'ROWS', 1)]);
  const { lost } = await report();
  expect(lost.map(({ id }) => id)).toEqual(['id-5']);
  const parts = { formbus, buffer: audited, sheets };
  expect(await repair(lost, rows, parts)).toEqual({ putBack: ['id-5'], left: [] });
  await write();
  expect(await report()).toMatchObject({ lost: [], duplicated: [] });
  // What stands in both of them is duplicated.
  const values = [{ userEnteredValue: { stringValue: 'id-1' } }];
  await sheets.apply(next, [
    { appendCells: { sheetId: tab?.sheetId ?? 0, rows: [{ values }], fields: 'userEnteredValue' } },
  ]);
  expect((await report()).duplicated.map(({ id }) => id)).toEqual(['id-1']);
});

it('duplicates nothing when another repair and a flush run between its reading and its writing, lease or not', async () => {
  const rows = await writeThree();
  await deleteRow(2);
  const lost = await lostOf(rows);
  const noLease: AuditedBuffer = { ...audited, withLease: (_, work) => work() };
  let reads = 0;
  const interrupted: ReadSheets = {
    ...sheets,
    async layout(id) {
      const layout = await sheets.layout(id);
      reads += 1;
      // Each of the two readings ends with a look at the layout: this is the last word from the sheet.
      if (reads === 4) {
        await repair(lost, rows, { formbus, buffer: noLease, sheets });
        expect((await write()).rows).toBe(1);
      }
      return layout;
    },
  };
  const repaired = await repair(lost, rows, { formbus, buffer: noLease, sheets: interrupted });
  expect(repaired).toEqual({ putBack: [], left: [] });
  await write();
  expect((await idsInSheet()).toSorted()).toEqual(['id-1', 'id-2', 'id-3']);
});

it('many repairs and flushes at once put each row back once', async () => {
  const rows = await writeThree();
  await deleteRow(3);
  await deleteRow(1);
  const lost = await lostOf(rows);
  const noLease: AuditedBuffer = { ...audited, withLease: (_, work) => work() };
  const parts = { formbus, buffer: noLease, sheets };
  await Promise.all([
    ...Array.from({ length: 4 }, () => repair(lost, rows, parts)),
    ...Array.from({ length: 4 }, write),
  ]);
  await repair(lost, rows, parts);
  await write();
  expect((await idsInSheet()).toSorted()).toEqual(['id-1', 'id-2', 'id-3']);
});

it('begins again when a batch of other rows was made meanwhile, and says so when that keeps happening', async () => {
  const rows = await writeThree();
  await deleteRow(2);
  const lost = await lostOf(rows);
  const noLease: AuditedBuffer = { ...audited, withLease: (_, work) => work() };
  const busyFor = (readings: number): ReadSheets => {
    let reads = 0;
    return {
      ...sheets,
      async layout(id) {
        reads += 1;
        if (reads % 4 === 0 && reads <= readings * 4) {
          await push(logged(1_000 + readings * 10 + reads));
          await write();
        }
        return sheets.layout(id);
      },
    };
  };
  const busy = await repair(lost, rows, { formbus, buffer: noLease, sheets: busyFor(3) });
  const reason = expect.stringContaining('run it again');
  expect(busy).toEqual({ putBack: [], left: [{ id: 'id-2', reason }] });
  const calm = await repair(lost, rows, { formbus, buffer: noLease, sheets: busyFor(1) });
  expect(calm).toEqual({ putBack: ['id-2'], left: [] });
  await write();
  expect((await idsInSheet()).filter((id) => id === 'id-2')).toHaveLength(1);
});

it('calls nothing lost in a spreadsheet that may not be read, and says that it is parked', async () => {
  const rows = await writeThree();
  await push(logged(4));
  emulator.setRevoked(spreadsheetId, true);
  expect((await write()).rows).toBe(0);
  const found = await look([spreadsheetId], { buffer: audited, sheets });
  const report = reconcile([...rows, ...logged(4)], found);
  expect(report.tabs).toMatchObject([{ 'in flight': 1, 'not checked': 3, lost: 0 }]);
  expect(report.unreadable).toMatchObject([{ spreadsheetId, reason: expect.stringContaining('403') }]);
  expect(report.parked).toMatchObject([{ spreadsheetId, reason: expect.stringContaining('403') }]);
  expect(await audited.spreadsheets()).toContain(spreadsheetId);
});

it('leaves alone what the buffer has by now: waiting or in flight', async () => {
  const rows = logged(1, 2);
  const [waiting, inFlight] = rows;
  await push(rows.slice(1));
  await buffer.nextBatch(spreadsheetId, { before: Date.now() });
  await push(rows.slice(0, 1));
  const { sequence } = await audited.states(spreadsheetId);
  const ids = [waiting, inFlight].map((row) => row?.id ?? '');
  const nothing = { unseen: [], restored: [] };
  expect(await audited.takeBack(spreadsheetId, { tab: 'form', ids, sequence })).toEqual(nothing);
  await push(rows);
  expect(await server.look.get('buffer:duplicates')).toBe('2');
});

it('names a row that Google refused, and sends it again once somebody has deleted its mark', async () => {
  const rows = logged(1, 2, 3);
  await push(rows);
  const isBad = (requests: SheetRequest[]) => JSON.stringify(requests).split('"id-2"').length > 2;
  const picky: Sheets = {
    ...sheets,
    async apply(id, requests) {
      if (!isBad(requests)) return sheets.apply(id, requests);
      throw new SheetsError('no such row', 400);
    },
  };
  await flush({ buffer, sheets: picky, log, settleMs: 0 });
  const refusedOf = async () =>
    reconcile(rows, await look([spreadsheetId], { buffer: audited, sheets })).refused;
  const mark = { id: 'id-2', reason: 'no such row' };
  expect(await refusedOf()).toMatchObject([{ ...mark, hasMark: true }]);
  expect((await repair(await refusedOf(), rows, { formbus, buffer: audited, sheets })).putBack).toEqual([]);

  await deleteRow(2);
  expect(await refusedOf()).toMatchObject([{ ...mark, hasMark: false }]);
  expect((await repair(await refusedOf(), rows, { formbus, buffer: audited, sheets })).putBack).toEqual([
    'id-2',
  ]);
  expect(await refusedOf()).toEqual([]);
  await write();
  expect(await idsInSheet()).toEqual(['id-1', 'id-3', 'id-2']);
  expect(await namesInSheet()).toEqual(['id-1', 'id-3', 'id-2']);
});

it('adds nothing when the row may stand there without its id', async () => {
  const rows = await writeThree();
  await edit((sheetId) => ({
    updateCells: {
      start: { sheetId, rowIndex: 2, columnIndex: 0 },
      rows: [{ values: [{}] }],
      fields: 'userEnteredValue',
    },
  }));
  const lost = await lostOf(rows);
  expect(lost.map(({ id }) => id)).toEqual(['id-2']);
  const parts = { formbus, buffer: audited, sheets };
  const reason = expect.stringContaining('without an id');
  expect(await repair(lost, rows, parts)).toEqual({ putBack: [], left: [{ id: 'id-2', reason }] });

  await edit((sheetId) => deletion(sheetId, 'COLUMNS', 0));
  const { lost: none, tabs } = reconcile(rows, await look([spreadsheetId], parts));
  expect([none, tabs[0]?.['not checked']]).toEqual([[], 3]);
  const gone = expect.stringContaining('column of ids is gone');
  const { putBack, left } = await repair(rows, rows, parts);
  expect([putBack, left.map((one) => one.reason)]).toEqual([[], [gone, gone, gone]]);
});

it('finds rows by the binding of their columns, while somebody moves those', async () => {
  const rows = await writeThree();
  let reads = 0;
  const restless: ReadSheets = {
    ...sheets,
    async layout(id) {
      const layout = await sheets.layout(id);
      reads += 1;
      if (reads === 1) {
        await edit((sheetId) => ({
          insertDimension: { range: { sheetId, dimension: 'COLUMNS', startIndex: 0, endIndex: 1 } },
        }));
      }
      return layout;
    },
  };
  const found = await look([spreadsheetId], { buffer: audited, sheets: restless });
  expect(reconcile(rows, found).lost).toEqual([]);
});

it('does not wait for ever for a spreadsheet whose lease a flush holds', async () => {
  const rows = await writeThree();
  await deleteRow(1);
  const lost = await lostOf(rows);
  await buffer.withLease(spreadsheetId, async () => {
    const { putBack, left } = await repair(lost, rows, { formbus, buffer: audited, sheets });
    const reason = expect.stringContaining('is being written without a pause');
    expect([putBack, left]).toEqual([[], [{ id: 'id-1', reason }]]);
  });
  const { putBack } = await repair(lost, rows, { formbus, buffer: audited, sheets });
  expect(putBack).toEqual(['id-1']);
});
