import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestSheets, type TestSheets } from '../../../testing/sheets.ts';
import type { Batch } from '../../../lib/buffer/types.ts';
import type { TabLayout } from '../../../lib/sheets/layout.ts';
import { batchRequests } from './batch.ts';
import { openSheets, type SheetRequest, type Sheets } from '../../../lib/sheets/sheets.ts';

let emulator: TestSheets;
let sheets: Sheets;
const spreadsheets = Array.from({ length: 200 }, (_, i) => `s${i}`);
let next = 0;

beforeAll(async () => {
  emulator = await startTestSheets(spreadsheets);
  sheets = openSheets({ SHEETS_URL: emulator.url });
});
afterAll(async () => {
  await emulator.close();
});

/** What a person does to a tab; numbers are taken modulo what there is. */
type Edit = (tab: TabLayout, n: number, m: number) => SheetRequest[];
const columns = (sheetId: number, startIndex: number) => ({
  sheetId,
  dimension: 'COLUMNS',
  startIndex,
  endIndex: startIndex + 1,
});
const edits: Record<string, Edit> = {
  'rename the tab': ({ sheetId }, n) => [
    { updateSheetProperties: { properties: { sheetId, title: `Renamed ${n}` }, fields: 'title' } },
  ],
  'move a column': ({ sheetId, columnCount }, n, m) => [
    { moveDimension: { source: columns(sheetId, n % columnCount), destinationIndex: m % (columnCount + 1) } },
  ],
  'insert a column': ({ sheetId, columnCount }, n) => [
    { insertDimension: { range: columns(sheetId, n % columnCount), inheritFromBefore: false } },
  ],
  'delete a column': ({ sheetId, columnCount }, n) =>
    columnCount < 3 ? [] : [{ deleteDimension: { range: columns(sheetId, n % columnCount) } }],
  'rename a heading': ({ sheetId, columnCount }, n, m) => {
    const start = { sheetId, rowIndex: 0, columnIndex: n % columnCount };
    const rows = [{ values: [{ userEnteredValue: { stringValue: ['name', 'id', 'Who?'][m % 3] ?? '' } }] }];
    return [{ updateCells: { start, rows, fields: 'userEnteredValue' } }];
  },
  'sort the rows': ({ sheetId, columnCount }, n) => [
    {
      sortRange: {
        range: { sheetId, startRowIndex: 1, startColumnIndex: 0, endColumnIndex: columnCount },
        sortSpecs: [{ dimensionIndex: n % columnCount, sortOrder: 'DESCENDING' }],
      },
    },
  ],
};

it('a row finds its columns whatever people did to the tab, before its layout was read or after', async () => {
  const edit = fc.tuple(fc.constantFrom(...Object.keys(edits)), fc.nat(9), fc.nat(9), fc.boolean());
  await fc.assert(
    fc.asyncProperty(fc.array(edit, { maxLength: 8 }), async (plan) => {
      const spreadsheetId = spreadsheets[next++ % spreadsheets.length] ?? '';
      const tabOf = async () =>
        (await sheets.layout(spreadsheetId)).find(({ tab }) => tab === `form ${next}`);
      let sequence = 1_000_000 + next * 100;
      for (const step of [undefined, ...plan]) {
        const looked = await sheets.layout(spreadsheetId);
        const before = looked.find(({ tab }) => tab === `form ${next}`);
        if (step && before) {
          const requests = edits[step[0]]?.(before, step[1], step[2]) ?? [];
          // What a person may not do, like hiding the only column that is left, changes nothing.
          if (requests.length > 0) await sheets.apply(spreadsheetId, requests).catch(() => {});
        }
        sequence += 1;
        const cells = { '@time': `t-${sequence}`, name: `n-${sequence}`, city: `c-${sequence}` };
        const row = { tab: `form ${next}`, id: `id-${sequence}`, cells };
        const batch: Batch = {
          spreadsheetId,
          target: spreadsheetId,
          sequence,
          digest: 'x',
          rows: [row],
          isOld: false,
          numberedAt: 0,
          installation: 'aaaaaa',
        };
        const write = (layout: TabLayout[]) => sheets.apply(spreadsheetId, batchRequests(batch, layout));
        const after = await sheets.layout(spreadsheetId);
        const isLate = step?.[3] ?? false;
        // What is refused is sent again for how the tab is then, as a flush does it.
        await write(isLate ? looked : after).catch(() => write(after));

        const tab = await tabOf();
        expect(tab?.columns.size).toBe(4);
        for (const [key, index] of tab?.columns ?? []) {
          const values = tab ? await sheets.column(spreadsheetId, tab, index) : [];
          const wanted = key === '@id' ? row.id : { ...cells }[key];
          expect(values.filter((value) => value === wanted)).toHaveLength(1);
        }
      }
    }),
    { numRuns: 60, endOnFailure: true },
  );
}, 120_000);
