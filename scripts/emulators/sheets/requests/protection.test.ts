import type { sheets_v4 } from 'googleapis/build/src/apis/sheets/v4.js';
import { expect, test } from 'vitest';
import { BOOK, tab, texts, testSheets } from '../testing.ts';

type SheetRequest = sheets_v4.Schema$Request;

const append: SheetRequest = {
  appendCells: { sheetId: 7, rows: texts(['x', 'y', 'z']), fields: 'userEnteredValue' },
};
const rows = { sheetId: 7, dimension: 'ROWS', startIndex: 1, endIndex: 2 };

test.each<[string, SheetRequest]>([
  ['appended to', append],
  [
    'written into',
    {
      updateCells: {
        start: { sheetId: 7, rowIndex: 0, columnIndex: 2 },
        rows: texts(['x']),
        fields: 'userEnteredValue',
      },
    },
  ],
  ['given rows', { insertDimension: { range: rows, inheritFromBefore: true } }],
  ['robbed of rows', { deleteDimension: { range: rows } }],
  ['sorted', { sortRange: { range: { sheetId: 7 }, sortSpecs: [{ dimensionIndex: 0 }] } }],
])('a tab that is protected as a whole cannot be %s', async (_, request) => {
  const sheets = await testSheets();
  await sheets.apply(...tab('Tab', ['a', 'b', 'c'], ['1', '2', '3']));
  sheets.setProtected(BOOK, 'Tab', true);
  await expect(sheets.apply(request)).rejects.toThrow('You are trying to edit a protected cell or object');
  expect(await sheets.values('Tab')).toEqual([
    ['a', 'b', 'c'],
    ['1', '2', '3'],
  ]);
  sheets.setProtected(BOOK, 'Tab', false);
  await sheets.apply(request);
});

test('the columns next to a protected one may be written', async () => {
  const sheets = await testSheets();
  await sheets.apply(...tab('Tab', ['a', 'b', 'c']));
  sheets.setProtected(BOOK, 'Tab', { column: 1 });
  await expect(sheets.apply(append)).rejects.toThrow('protected cell');
  await sheets.apply({ appendCells: { sheetId: 7, rows: texts(['x']), fields: 'userEnteredValue' } });
  expect(await sheets.values('Tab')).toEqual([['a', 'b', 'c'], ['x']]);
});

test('a copy of a tab has its cells, and its metadata under other ids', async () => {
  const sheets = await testSheets();
  await sheets.apply(...tab('Tab', ['a', 'b'], ['1', '2']), {
    createDeveloperMetadata: {
      developerMetadata: {
        metadataId: 1,
        metadataKey: 'k',
        metadataValue: 'v',
        visibility: 'DOCUMENT',
        location: { dimensionRange: { sheetId: 7, dimension: 'COLUMNS', startIndex: 1, endIndex: 2 } },
      },
    },
  });
  const [reply] = await sheets.apply({ duplicateSheet: { sourceSheetId: 7, insertSheetIndex: 0 } });
  const { sheetId, title, index } = reply?.duplicateSheet?.properties ?? {};
  expect({ title, index }).toEqual({ title: 'Copy of Tab', index: 0 });
  expect(await sheets.values('Copy of Tab')).toEqual(await sheets.values('Tab'));
  const metadata = 'developerMetadata(metadataId,metadataKey,metadataValue)';
  const { data } = await sheets.api.get({
    spreadsheetId: BOOK,
    fields: `sheets(properties(sheetId),data(columnMetadata(${metadata})))`,
  });
  const copy = data.sheets?.find(({ properties }) => properties?.sheetId === sheetId);
  const bound = copy?.data?.[0]?.columnMetadata?.[1]?.developerMetadata?.[0];
  expect(bound).toMatchObject({ metadataKey: 'k', metadataValue: 'v' });
  expect(bound?.metadataId).not.toBe(1);
  await sheets.apply({
    updateCells: {
      start: { sheetId: sheetId ?? 0, rowIndex: 1, columnIndex: 0 },
      rows: texts(['9']),
      fields: 'userEnteredValue',
    },
  });
  expect((await sheets.values('Tab'))[1]).toEqual(['1', '2']);
});
