import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import * as v from 'valibot';
import { startTestSheets, type TestSheets } from '../../testing/sheets.ts';
import { counting } from './testing.ts';
import { recordedLog } from '../../testing/log.ts';
import { startTestRedis, type TestRedis } from '../../testing/redis.ts';
import type { Cells } from '../../lib/buffer/types.ts';
import { openBuffer, type RowBuffer } from '../../lib/buffer/buffer.ts';
import { openRowQueue, type RowQueue } from '../../lib/buffer/row-queue.ts';
import { flush } from './flush.ts';
import { openLog } from '../../lib/runtime/log.ts';
import { openRedis, type DurableRedis } from '../../lib/stores/redis.ts';
import { SheetsError } from '../../lib/sheets/sheets-error.ts';
import { openSheets, type SheetRequest, type Sheets } from '../../lib/sheets/sheets.ts';

const log = openLog('test', 'silent');
let server: TestRedis;
let redis: DurableRedis;
let buffer: RowBuffer;
let queue: RowQueue;
let emulator: TestSheets;
let sheets: Sheets;
/** The calls that were made to Google, by name. */
let calls: string[];
/** Done once, before the next batch is applied. */
let beforeApply: (() => Promise<void>) | undefined;
/** Each test has spreadsheets of its own. */
let sheet: string;
let count = 0;

beforeAll(async () => {
  server = await startTestRedis();
  redis = await openRedis({ REDIS_URL: server.url, REDIS_REPLICAS: 0 }, log);
  buffer = openBuffer({ redis, maxRows: 50 });
  queue = openRowQueue({ redis, seenDays: 30 });
  const spreadsheets = Array.from({ length: 60 }, (_, i) => `s${i + 1}`);
  emulator = await startTestSheets(spreadsheets);
  sheets = watched(openSheets({ SHEETS_URL: emulator.url }, { timeout: 1_000 }));
});
afterAll(async () => {
  await emulator.close();
  await redis.close();
  await server.close();
});
beforeEach(async () => {
  await server.look.flushall();
  await emulator.faults.clear();
  calls = [];
  beforeApply = undefined;
  count += 1;
  sheet = `s${count}`;
});

const push = (
  n: number,
  { tab = 'form', cells = {}, to = sheet }: { tab?: string; cells?: Cells; to?: string } = {},
) =>
  queue.push({
    spreadsheetId: to,
    tab,
    id: `id-${n}`,
    time: n,
    cells: { '@time': `t${n}`, name: `Name ${n}`, ...cells },
  });
const run = ({ laterMs = 0 } = {}) =>
  flush({ buffer, sheets, log, settleMs: 0, now: () => Date.now() + laterMs });

const Values = v.object({ values: v.optional(v.array(v.array(v.string())), []) });
async function rowsOf(tab = 'form', from = sheet): Promise<string[][]> {
  const answer = await fetch(
    `${emulator.url}/v4/spreadsheets/${from}/values/${encodeURIComponent(`'${tab}'`)}`,
  );
  return v.parse(Values, await answer.json()).values;
}
const tokensIn = async (from: string) =>
  (await sheets.tokens(from)).map(({ sequence }) => sequence).toSorted((a, b) => a - b);
const idsOf = async (tab?: string, from?: string) => (await rowsOf(tab, from)).slice(1).map(([id]) => id);

describe('a flush', () => {
  it('makes the tab with a heading, the hidden column of ids first, and writes the rows in the order of time', async () => {
    for (const n of [2, 1, 3]) await push(n);
    expect(await run()).toEqual({ rows: 3, failed: [] });
    expect(await rowsOf()).toEqual([
      ['id', 'time', 'name'],
      ['id-1', 't1', 'Name 1'],
      ['id-2', 't2', 'Name 2'],
      ['id-3', 't3', 'Name 3'],
    ]);
    const fields =
      'sheets(properties(gridProperties(columnCount,frozenRowCount)),data(columnMetadata(hiddenByUser)))';
    const got = await (await fetch(`${emulator.url}/v4/spreadsheets/${sheet}?fields=${fields}`)).json();
    expect(got).toMatchObject({
      sheets: [
        // Every new spreadsheet has it.
        { properties: { gridProperties: { columnCount: 26 } } },
        {
          properties: { gridProperties: { columnCount: 3, frozenRowCount: 1 } },
          data: [{ columnMetadata: [{ hiddenByUser: true }, {}, {}] }],
        },
      ],
    });
  });

  it('does nothing when nothing waits, and makes no call', async () => {
    expect(await run()).toEqual({ rows: 0, failed: [] });
    expect(calls).toEqual([]);
  });

  it('writes several tabs in one call', async () => {
    await push(1);
    await push(2, { tab: 'other' });
    await push(3);
    await run();
    expect(calls.filter((call) => call === 'apply')).toHaveLength(1);
    expect([await idsOf(), await idsOf('other')]).toEqual([['id-1', 'id-3'], ['id-2']]);
  });

  it('adds a column at the right for a field that appears later', async () => {
    await push(1);
    await run();
    await push(2, { cells: { city: 'Pune' } });
    await push(3);
    await run();
    expect(await rowsOf()).toEqual([
      ['id', 'time', 'name', 'city'],
      ['id-1', 't1', 'Name 1'],
      ['id-2', 't2', 'Name 2', 'Pune'],
      ['id-3', 't3', 'Name 3'],
    ]);
  });

  it('finds columns and tabs that people moved and renamed', async () => {
    await push(1);
    await run();
    const tab = (await sheets.layout(sheet)).find((one) => one.tab === 'form');
    const sheetId = tab?.sheetId ?? 0;
    const edits: SheetRequest[] = [
      {
        moveDimension: { source: column(sheetId, 2), destinationIndex: 0 },
      },
      {
        updateCells: {
          start: { sheetId, rowIndex: 0, columnIndex: 0 },
          rows: [{ values: [text('Who')] }],
          fields: 'userEnteredValue',
        },
      },
      { updateSheetProperties: { properties: { sheetId, title: 'Renamed' }, fields: 'title' } },
    ];
    await sheets.apply(sheet, edits);
    await push(2);
    await run();
    expect(await rowsOf('Renamed')).toEqual([
      ['Who', 'id', 'time'],
      ['Name 1', 'id-1', 't1'],
      ['Name 2', 'id-2', 't2'],
    ]);
  });

  it.each<[what: string, edit: (sheetId: number) => SheetRequest]>([
    ['a column moved', (id) => ({ moveDimension: { source: column(id, 2), destinationIndex: 0 } })],
    ['a column inserted', (id) => ({ insertDimension: { range: column(id, 1) } })],
    ['one of its columns deleted', (id) => ({ deleteDimension: { range: column(id, 1) } })],
    ['the last column deleted', (id) => ({ deleteDimension: { range: column(id, 2) } })],
    ['the tab deleted', (id) => ({ deleteSheet: { sheetId: id } })],
    ['a tab made with the name of one to come', () => ({ addSheet: { properties: { title: 'other' } } })],
  ])(
    'puts each value under its heading although between its look and its writing came %s',
    async (_, edit) => {
      await push(1);
      await run();
      const before = (await sheets.layout(sheet)).find(({ tab }) => tab === 'form');
      const requests = [edit(before?.sheetId ?? 0)].map((request) => ({ ...request }));
      await emulator.faults.add([{ kind: 'edit', calls: 'write', times: 1, requests }]);
      await push(2);
      await push(3, { tab: 'other' });
      expect(await run()).toEqual({ rows: 2, failed: [] });

      for (const [tab, id] of [
        ['form', 2],
        ['other', 3],
      ] as const) {
        const found = (await sheets.layout(sheet)).find((one) => one.tab === tab);
        const [headings = [], ...rows] = await rowsOf(found?.title);
        const row = rows.find((cells) => cells.includes(`id-${id}`)) ?? [];
        const byHeading = Object.fromEntries(headings.map((heading, i) => [heading, row[i]]));
        expect(byHeading).toMatchObject({ id: `id-${id}`, time: `t${id}`, name: `Name ${id}` });
        expect([...(found?.columns.keys() ?? [])].toSorted()).toEqual(['@id', '@time', 'name']);
      }
      // No row was at fault: nothing is marked, no number is taken out of use.
      expect(await server.look.keys('buffer:refused:*')).toEqual([]);
      expect(await tokensIn(sheet)).toEqual([1, 2]);
    },
  );

  it.each([
    ['of a person', async () => {}],
    [
      'of a field that no row has now',
      async () => {
        await push(9, { cells: { old: 'x' } });
        await run();
      },
    ],
  ])('takes no column %s for the one at its left that was deleted after its look', async (_, add) => {
    await push(1);
    await run();
    await add();
    const before = (await sheets.layout(sheet)).find(({ tab }) => tab === 'form');
    const [sheetId, length] = [before?.sheetId ?? 0, before?.columnCount ?? 0];
    const start = { sheetId, rowIndex: 0, columnIndex: length };
    await sheets.apply(sheet, [
      { appendDimension: { sheetId, dimension: 'COLUMNS', length: 1 } },
      { updateCells: { start, rows: [{ values: [text('notes')] }], fields: 'userEnteredValue' } },
    ]);
    const requests = [{ deleteDimension: { range: column(sheetId, 2) } }];
    await emulator.faults.add([{ kind: 'edit', calls: 'write', times: 1, requests }]);
    await push(2);
    expect(await run()).toEqual({ rows: 1, failed: [] });
    const [headings = [], ...rows] = await rowsOf();
    expect(rows.at(-1)?.[headings.indexOf('name')]).toBe('Name 2');
  });

  it('makes a tab beside another to which a person gave its name', async () => {
    await push(1, { tab: 'first' });
    await run();
    const first = (await sheets.layout(sheet)).find(({ tab }) => tab === 'first');
    await sheets.apply(sheet, [
      {
        updateSheetProperties: {
          properties: { sheetId: first?.sheetId ?? 0, title: 'SECOND' },
          fields: 'title',
        },
      },
    ]);
    await push(2, { tab: 'second' });
    await push(3, { tab: 'first' });
    expect((await run()).failed).toEqual([]);
    expect([await idsOf('SECOND'), await idsOf('second (2)')]).toEqual([['id-1', 'id-3'], ['id-2']]);
  });

  it('writes texts that begin with =, +, - or @ as texts', async () => {
    const formulas = ['=1+1', '+1', '-1', '@SUM(A1)', '=IMPORTXML("http://x")'];
    for (const [n, name] of formulas.entries()) await push(n, { cells: { name } });
    await run();
    expect((await rowsOf()).slice(1).map((row) => row[2])).toEqual(formulas);
  });

  it('cuts a cell of more than 50,000 characters and says so in it', async () => {
    await push(1, { cells: { name: 'x'.repeat(60_000) } });
    await run();
    const cell = (await rowsOf())[1]?.[2] ?? '';
    expect([cell.length, cell.endsWith('(cut)')]).toEqual([50_000, true]);
  });

  it('sends a long backlog in several batches', async () => {
    await Promise.all(Array.from({ length: 120 }, (_, n) => push(n)));
    expect(await run()).toEqual({ rows: 120, failed: [] });
    expect(await idsOf()).toEqual(Array.from({ length: 120 }, (_, n) => `id-${n}`));
  });

  it('waits for rows that are still settling, and takes all that came before it began', async () => {
    let clock = Date.now();
    await queue.push({
      spreadsheetId: sheet,
      tab: 'form',
      id: 'young',
      time: clock - 10,
      cells: { name: 'x' },
    });
    const slept: number[] = [];
    const sleep = async (ms: number) => {
      slept.push(ms);
      clock += ms;
    };
    const { rows } = await flush({ buffer, sheets, log, settleMs: 2_000, now: () => clock, sleep });
    expect([rows, slept]).toEqual([1, [1_990]]);
  });

  it('lets spreadsheets take turns, so that a long backlog delays no other spreadsheet when the quota ends', async () => {
    for (let n = 0; n < 150; n += 1) await push(n);
    count += 1;
    await push(200, { to: `s${count}` });
    // Two batches fit into what is left of the quota.
    const scarce: Sheets = {
      ...sheets,
      async apply(id, requests) {
        if (calls.filter((name) => name === 'apply').length === 2) throw new SheetsError('quota', 429);
        return sheets.apply(id, requests);
      },
    };
    expect(await flush({ buffer, sheets: scarce, log, settleMs: 0 })).toMatchObject({
      rows: 51,
      failed: [{}],
    });
    expect(await idsOf('form', `s${count}`)).toEqual(['id-200']);
    expect(await run()).toEqual({ rows: 100, failed: [] });
    expect(await idsOf()).toEqual(Array.from({ length: 150 }, (_, n) => `id-${n}`));
  });

  it('writes what waits in a Redis that is full, and so makes room', async () => {
    await push(1);
    await server.look.config('SET', 'maxmemory', '1');
    await expect(push(2)).rejects.toThrow('Redis');
    const result = await run();
    await server.look.config('SET', 'maxmemory', '0');
    expect(result).toEqual({ rows: 1, failed: [] });
    expect(await idsOf()).toEqual(['id-1']);
  });

  it('writes the largest batch, of rows with many fields', async () => {
    const fields = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`q${n}`, '']));
    const large = openBuffer({ redis });
    await Promise.all(Array.from({ length: 4_500 }, (_, n) => push(n, { cells: fields })));
    const patient = openSheets({ SHEETS_URL: emulator.url });
    const result = await flush({ buffer: large, sheets: patient, log, settleMs: 0 });
    expect(result).toEqual({ rows: 4_500, failed: [] });
  });

  it('begins no batch after its time', async () => {
    await push(1);
    let clock = 0;
    const now = () => (clock += 30_000);
    expect((await flush({ buffer, sheets, log, settleMs: 0, now })).rows).toBe(0);
    expect((await run()).rows).toBe(1);
  });
});

describe('each row stands in the sheet once', () => {
  it.each(['fail-before', 'drop-before', 'fail-after', 'drop-after', 'quota', 'delay'] as const)(
    'when the call to Google meets: %s',
    async (kind) => {
      await push(1);
      await push(2);
      // Longer than this client waits: it is applied when the next run has sent it again.
      const late = { delayMs: 1_500 };
      await emulator.faults.add([
        kind === 'delay' ? { kind, calls: 'write', times: 1, ...late } : { kind, calls: 'write', times: 1 },
      ]);
      expect((await run()).failed).toMatchObject([{ spreadsheetId: sheet }]);
      await push(3);
      expect((await run()).failed).toEqual([]);
      await expect.poll(emulator.pending).toBe(0);
      expect(await idsOf()).toEqual(['id-1', 'id-2', 'id-3']);
    },
  );

  it('when a call comes twice, the second time after later ones', async () => {
    await emulator.faults.add([{ kind: 'twice', calls: 'write', times: 1, delayMs: 100 }]);
    await push(1);
    await run();
    await push(2);
    await run();
    await expect.poll(emulator.pending).toBe(0);
    expect(await idsOf()).toEqual(['id-1', 'id-2']);
  });

  it('although two flushes send the same batch at once, because a lease ran out', async () => {
    await push(1);
    await push(2);
    let second: Promise<unknown> | undefined;
    beforeApply = async () => {
      await server.look.del(`buffer:lease:${sheet}`);
      second = run();
      await second;
    };
    expect((await run()).failed).toEqual([]);
    await second;
    expect(calls.filter((call) => call === 'token')).toHaveLength(1);
    expect(await idsOf()).toEqual(['id-1', 'id-2']);
  });

  it('when many flushes run at once', async () => {
    await Promise.all(Array.from({ length: 120 }, (_, n) => push(n)));
    await Promise.all(Array.from({ length: 4 }, () => run()));
    await run();
    expect(await idsOf()).toEqual(Array.from({ length: 120 }, (_, n) => `id-${n}`));
  });

  it('although a flush ends a long comparison when another flush has already sent a batch', async () => {
    await push(1);
    await run();
    await server.look.flushall();
    await push(2);
    let sent: Promise<unknown> | undefined;
    const compared = Promise.withResolvers<void>();
    const slow: Sheets = {
      ...sheets,
      async column(...place) {
        const found = await sheets.column(...place);
        await server.look.del(`buffer:lease:${sheet}`);
        await new Promise<void>((resolve) => {
          beforeApply = () => {
            resolve();
            return compared.promise;
          };
          sent = run();
        });
        return found;
      },
    };
    await flush({ buffer, sheets: slow, log, settleMs: 0 });
    compared.resolve();
    await sent;
    await run();
    expect(await idsOf()).toEqual(['id-1', 'id-2']);
  });

  it('when Redis lost a batch in flight, and has given its number to more rows', async () => {
    await push(1);
    beforeApply = async () => {
      await server.look.flushall();
      await push(1);
      await push(2);
      await buffer.nextBatch(sheet, { before: Date.now() });
    };
    await run();
    await run();
    await run();
    expect(await idsOf()).toEqual(['id-1', 'id-2']);
  });

  it('when a row is delivered again before and after its flush', async () => {
    expect([await push(1), await push(1)]).toEqual([true, false]);
    await run();
    expect(await push(1)).toBe(false);
    await run();
    expect(await idsOf()).toEqual(['id-1']);
  });
});

describe('when something is wrong with a spreadsheet', () => {
  it('the others are written and its rows stay', async () => {
    await push(1, { to: 'unknown' });
    await push(2);
    const { rows, failed } = await run();
    expect(rows).toBe(1);
    expect(failed).toMatchObject([{ spreadsheetId: 'unknown', reason: expect.stringContaining('404') }]);
    expect(await idsOf()).toEqual(['id-2']);
    expect(await buffer.waiting()).toMatchObject([{ spreadsheetId: 'unknown' }]);
  });

  it('is left alone for a minute, then longer, and its rows go when it can be written again', async () => {
    await push(1);
    await emulator.setRevoked(sheet, true);
    expect((await run()).failed).toMatchObject([{ reason: expect.stringContaining('403') }]);
    const before = calls.length;
    expect(await run({ laterMs: 50_000 })).toEqual({ rows: 0, failed: [] });
    expect(calls).toHaveLength(before);
    expect((await run({ laterMs: 70_000 })).failed).toHaveLength(1);
    const [waiting] = await buffer.waiting();
    expect(waiting?.parked).toMatchObject({ tries: 2, reason: expect.stringContaining('403') });
    await emulator.setRevoked(sheet, false);
    expect(await run({ laterMs: 120_000 })).toEqual({ rows: 0, failed: [] });
    expect((await run({ laterMs: 300_000 })).rows).toBe(1);
    expect(await server.look.hlen('buffer:parked')).toBe(0);
  });

  it('a spreadsheet that Redis does not know is compared first: what stands there is not written again', async () => {
    await push(1);
    await push(2);
    await run();
    await server.look.flushall();
    await push(2);
    await push(3);
    expect(await run()).toEqual({ rows: 1, failed: [] });
    expect(await idsOf()).toEqual(['id-1', 'id-2', 'id-3']);
  });

  it('a spreadsheet that Redis does not know is compared as well with rows that come back later, as in a replay', async () => {
    for (const n of [1, 2]) await push(n);
    await run();
    await server.look.flushall();
    await push(3);
    await run();
    for (const n of [1, 2, 4]) await push(n);
    expect(await run()).toEqual({ rows: 1, failed: [] });
    expect(await idsOf()).toEqual(['id-1', 'id-2', 'id-3', 'id-4']);
    expect(await buffer.waiting()).toEqual([]);
  });

  it('compares a spreadsheet, too, whose numbers Redis assigns again after a failover that lost writes', async () => {
    for (const n of [1, 2]) {
      await push(n);
      await run();
    }
    await server.look.set(`buffer:sequence:${sheet}`, 0);
    await server.look.del(...(await server.look.keys('buffer:seen:*')));
    for (const n of [2, 3]) await push(n);
    expect((await run()).rows).toBe(1);
    expect(await idsOf()).toEqual(['id-1', 'id-2', 'id-3']);
    expect(await buffer.waiting()).toEqual([]);
  });

  /** A row that the emulator refuses whatever is tried: this client leaves no text uncut. */
  const bad = { cells: { name: 'bad' } };
  const refusing = (): Sheets => ({
    ...sheets,
    async apply(id, requests) {
      if (!JSON.stringify(requests).includes('"bad"')) return sheets.apply(id, requests);
      throw new SheetsError('no such row', 400, {});
    },
  });

  it('a row that is refused is found, kept aside and marked in the sheet; the others are written', async () => {
    for (let n = 0; n < 20; n += 1) await push(n, n === 13 ? bad : {});
    const result = await flush({ buffer, sheets: refusing(), log, settleMs: 0 });
    expect(result.failed).toEqual([]);
    expect(await idsOf()).toEqual(Array.from({ length: 20 }, (_, n) => `id-${n}`));
    expect((await rowsOf())[14]?.join()).toContain('refused this row');
    const kept = await server.look.hgetall(`buffer:refused:${sheet}`);
    expect(Object.keys(kept)).toEqual(['form\nid-13']);
    expect(kept['form\nid-13']).toContain('no such row');
    expect(kept['form\nid-13']).toContain('bad');
    expect(await buffer.waiting()).toEqual([]);
  });

  it('a tab that somebody deleted is made again, and the log says so', async () => {
    await push(1);
    await run();
    const tab = (await sheets.layout(sheet)).find((one) => one.tab === 'form');
    await sheets.apply(sheet, [{ deleteSheet: { sheetId: tab?.sheetId ?? 0 } }]);
    await push(2);
    await push(3, { tab: 'other' });
    const { log: heard, messages } = recordedLog();
    await flush({ buffer, sheets, log: heard, settleMs: 0 });
    expect(messages.filter((one) => one.includes('somebody has deleted the tab'))).toHaveLength(1);
    expect([await idsOf(), await idsOf('other')]).toEqual([['id-2'], ['id-3']]);
  });

  it('is parked with its rows unchanged when not even a mark is taken', async () => {
    for (let n = 0; n < 3; n += 1) await push(n);
    const full: Sheets = {
      ...sheets,
      async apply(id, requests) {
        if (requests.some((request) => request.appendCells)) throw new SheetsError('full', 400, {});
        return sheets.apply(id, requests);
      },
    };
    const { failed } = await flush({ buffer, sheets: full, log, settleMs: 0 });
    expect(failed).toMatchObject([{ reason: 'full' }]);
    expect((await run({ laterMs: 60_000 })).failed).toEqual([]);
    expect((await rowsOf()).slice(1)).toEqual([0, 1, 2].map((n) => [`id-${n}`, `t${n}`, `Name ${n}`]));
    expect(await server.look.exists(`buffer:refused:${sheet}`)).toBe(0);
  });

  it('a refused batch whose flush died continues from its fence, and what was on its way cannot be written', async () => {
    for (let n = 0; n < 4; n += 1) await push(n, n === 2 ? bad : {});
    const fenceOnly: Sheets = {
      ...refusing(),
      async apply(id, requests) {
        await refusing().apply(id, requests);
        throw new Error('killed after the fence');
      },
    };
    await flush({ buffer, sheets: fenceOnly, log, settleMs: 0 });
    expect(await sheets.token(sheet, 1)).toMatch(/^void/);
    await flush({ buffer, sheets: refusing(), log, settleMs: 0 });
    expect(await idsOf()).toEqual(['id-0', 'id-1', 'id-2', 'id-3']);
  });

  it('a used-up quota ends the run, because it is the account’s', async () => {
    await push(1);
    count += 1;
    await push(2, { to: `s${count}` });
    await emulator.faults.add([{ kind: 'quota', calls: 'write', times: 1 }]);
    expect(await run()).toMatchObject({ rows: 0, failed: [{ spreadsheetId: sheet }] });
    expect((await run()).rows).toBe(2);
  });
});

function column(sheetId: number, startIndex: number) {
  return { sheetId, dimension: 'COLUMNS', startIndex, endIndex: startIndex + 1 };
}

function text(stringValue: string) {
  return { userEnteredValue: { stringValue } };
}

/** The real client, with its calls noted. */
function watched(client: Sheets): Sheets {
  const apply: Sheets['apply'] = async (...args) => {
    const act = beforeApply;
    beforeApply = undefined;
    await act?.();
    return client.apply(...args);
  };
  return counting({ ...client, apply }, (name) => calls.push(name));
}
