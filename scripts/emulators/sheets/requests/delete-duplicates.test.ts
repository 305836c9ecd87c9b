import { expect, test } from 'vitest';
import { testSheets, texts } from '../testing.ts';

const range = { sheetId: 0, startRowIndex: 1, endRowIndex: 5, startColumnIndex: 0, endColumnIndex: 2 };
const comparisonColumns = [{ sheetId: 0, dimension: 'COLUMNS', startIndex: 0, endIndex: 1 }];

async function filled() {
  const sheets = await testSheets();
  const rows = texts(
    ['a', '1', 'x'],
    ['a', '2', 'x'],
    ['b', '3', 'x'],
    ['A', '4', 'x'],
    ['c', '5', 'x'],
    ['b', '6', 'x'],
  );
  await sheets.apply({ appendCells: { sheetId: 0, rows, fields: 'userEnteredValue' } });
  return sheets;
}

test('keeps the first of what is the same in the columns compared, and moves up what is below in the range', async () => {
  const sheets = await filled();
  expect(await sheets.apply({ deleteDuplicates: { range, comparisonColumns } })).toEqual([
    { deleteDuplicates: { duplicatesRemovedCount: 1 } },
  ]);
  expect(await sheets.values('Sheet1')).toEqual([
    ['a', '1', 'x'],
    ['a', '2', 'x'],
    ['b', '3', 'x'],
    ['c', '5', 'x'],
    ['', '', 'x'],
    ['b', '6', 'x'],
  ]);
});

test('compares all columns of the range when none is said, and refuses one that is not in it', async () => {
  const sheets = await filled();
  expect(await sheets.apply({ deleteDuplicates: { range } })).toEqual([
    { deleteDuplicates: { duplicatesRemovedCount: 0 } },
  ]);
  const beside = [{ sheetId: 0, dimension: 'COLUMNS', startIndex: 2, endIndex: 3 }];
  await expect(sheets.apply({ deleteDuplicates: { range, comparisonColumns: beside } })).rejects.toThrow(
    'Invalid requests[0].deleteDuplicates',
  );
});
