import { describe, expect, test } from 'vitest';
import { BOOK, tab, testSheets, texts } from '../testing.ts';

const fields = 'userEnteredValue';
const number = (numberValue: number) => ({ userEnteredValue: { numberValue } });
const cell = (length: number) => ({
  appendCells: { sheetId: 0, rows: texts(['x'.repeat(length)]), fields },
});

describe('appendCells', () => {
  test('writes below the last row that has data, wherever it is, and adds the rows that the grid lacks', async () => {
    const sheets = await testSheets();
    await sheets.apply(
      {
        addSheet: {
          properties: { sheetId: 7, title: 'Tab', gridProperties: { rowCount: 3, columnCount: 2 } },
        },
      },
      { updateCells: { start: { sheetId: 7, rowIndex: 1, columnIndex: 1 }, rows: texts(['here']), fields } },
      { appendCells: { sheetId: 7, rows: texts(['1', 'a'], ['', ''], ['2', '']), fields } },
    );
    expect(await sheets.values('Tab')).toEqual([[], ['', 'here'], ['1', 'a'], [], ['2']]);
    const { data } = await sheets.api.get({
      spreadsheetId: BOOK,
      fields: 'sheets.properties.gridProperties',
    });
    expect(data.sheets?.[1]?.properties?.gridProperties).toEqual({ rowCount: 5, columnCount: 2 });
  });

  test('refuses more columns than the grid has, with Google’s words', async () => {
    const sheets = await testSheets();
    const row = texts(Array.from({ length: 27 }, String));
    await expect(sheets.apply({ appendCells: { sheetId: 0, rows: row, fields } })).rejects.toThrow(
      'Invalid requests[0].appendCells: Attempting to write column: 26, beyond the last requested column of: 25',
    );
  });

  test('refuses an unknown sheet, a missing mask and a mask of other fields', async () => {
    const sheets = await testSheets();
    const rows = texts(['1']);
    await expect(sheets.apply({ appendCells: { sheetId: 99, rows, fields } })).rejects.toThrow(
      'Invalid requests[0].appendCells: No grid with id: 99',
    );
    await expect(sheets.apply({ appendCells: { sheetId: 0, rows } })).rejects.toThrow(
      "At least one field must be listed in 'fields'. (Use '*' to indicate all fields.)",
    );
    await expect(sheets.apply({ appendCells: { sheetId: 0, rows, fields: 'note' } })).rejects.toMatchObject({
      status: 400,
    });
    await sheets.apply({ appendCells: { sheetId: 0, rows, fields: '*' } });
  });

  test('takes a text of 50,000 characters and refuses a longer one', async () => {
    const sheets = await testSheets();
    await sheets.apply(cell(50_000));
    await expect(sheets.apply(cell(50_001))).rejects.toThrow(
      'Your input contains more than the maximum of 50000 characters in a single cell.',
    );
  });

  test('takes 5,000 rows of 10 cells at once', async () => {
    const sheets = await testSheets();
    const row = Array.from({ length: 10 }, (_, index) => `value ${index}`);
    const rows = texts(...Array.from({ length: 5000 }, () => row));
    await sheets.apply({ appendCells: { sheetId: 0, rows, fields } });
    expect(await sheets.values('A5000:A')).toEqual([['value 0']]);
  });
});

test('a text that looks like a formula stays a text, a formula is shown as one', async () => {
  const sheets = await testSheets();
  const values = [
    { userEnteredValue: { stringValue: '=1+1' } },
    { userEnteredValue: { formulaValue: '=1+1' } },
    { userEnteredValue: { numberValue: 0 } },
    { userEnteredValue: { boolValue: false } },
    { userEnteredValue: { stringValue: '' } },
    { userEnteredValue: { stringValue: '0' } },
  ];
  await sheets.apply({ appendCells: { sheetId: 0, rows: [{ values }], fields } });

  const { data } = await sheets.api.get({
    spreadsheetId: BOOK,
    ranges: ['A1:F1'],
    fields: 'sheets.data.rowData.values(userEnteredValue,formattedValue)',
  });
  expect(data.sheets?.[0]?.data?.[0]?.rowData?.[0]?.values).toEqual([
    { userEnteredValue: { stringValue: '=1+1' }, formattedValue: '=1+1' },
    { userEnteredValue: { formulaValue: '=1+1' }, formattedValue: '#FORMULA =1+1' },
    { userEnteredValue: { numberValue: 0 }, formattedValue: '0' },
    { userEnteredValue: { boolValue: false }, formattedValue: 'FALSE' },
    {},
    { userEnteredValue: { stringValue: '0' }, formattedValue: '0' },
  ]);
  expect(await sheets.values('A1:F1')).toEqual([['=1+1', '#FORMULA =1+1', '0', 'FALSE', '', '0']]);
});

describe('updateCells', () => {
  test('writes from a start on and empties what it writes nothing into', async () => {
    const sheets = await testSheets();
    await sheets.apply(...tab('Tab', ['id', 'name'], ['1', 'a'], ['2', 'b']), {
      updateCells: { start: { sheetId: 7, rowIndex: 1, columnIndex: 1 }, rows: texts(['A'], ['']), fields },
    });
    expect(await sheets.values('Tab')).toEqual([['id', 'name'], ['1', 'A'], ['2']]);
  });

  test('empties the rest of a range', async () => {
    const sheets = await testSheets();
    await sheets.apply(...tab('Tab', ['id', 'name'], ['1', 'a'], ['2', 'b'], ['3', 'c']), {
      updateCells: { range: { sheetId: 7, startRowIndex: 1, endRowIndex: 3 }, rows: texts(['9']), fields },
    });
    expect(await sheets.values('Tab')).toEqual([['id', 'name'], ['9'], [], ['3', 'c']]);
  });

  test('refuses what lies outside the grid or the range', async () => {
    const sheets = await testSheets();
    await sheets.apply(...tab('Tab', ['id', 'name']));
    const at = (rowIndex: number, columnIndex: number, ...rows: string[][]) =>
      sheets.apply({
        updateCells: { start: { sheetId: 7, rowIndex, columnIndex }, rows: texts(...rows), fields },
      });
    await expect(at(100, 0, ['x'])).rejects.toThrow(
      'GridCoordinate.rowIndex[100] is after last row in grid[99]',
    );
    await expect(at(0, 2, ['x'])).rejects.toMatchObject({ status: 400 });
    await expect(at(99, 0, ['x'], ['y'])).rejects.toMatchObject({ status: 400 });
    await expect(at(0, 1, ['x', 'y'])).rejects.toThrow('Attempting to write column: 2');
    const range = { sheetId: 7, startRowIndex: 0, endRowIndex: 1, endColumnIndex: 1 };
    await expect(
      sheets.apply({ updateCells: { range, rows: texts(['a', 'b']), fields } }),
    ).rejects.toMatchObject({
      status: 400,
    });
    await expect(sheets.apply({ updateCells: { rows: texts(['a']), fields } })).rejects.toMatchObject({
      status: 400,
    });
  });
});

test('sortRange sorts rows by columns, empty cells last, and leaves the rest of the sheet alone', async () => {
  const sheets = await testSheets();
  await sheets.apply(
    ...tab('Tab', ['key', 'note', 'aside'], ['b', '1', 'x'], ['', '2', 'y'], ['A', '3', 'z'], ['b', '0', '']),
    { appendCells: { sheetId: 7, rows: [{ values: [number(10)] }, { values: [number(9)] }], fields } },
    {
      sortRange: {
        range: { sheetId: 7, startRowIndex: 1, startColumnIndex: 0, endColumnIndex: 2 },
        sortSpecs: [{ dimensionIndex: 0 }, { dimensionIndex: 1, sortOrder: 'ASCENDING' }],
      },
    },
  );
  expect(await sheets.values('Tab')).toEqual([
    ['key', 'note', 'aside'],
    ['9', '', 'x'],
    ['10', '', 'y'],
    ['A', '3', 'z'],
    ['b', '0'],
    ['b', '1'],
    ['', '2'],
  ]);
  await sheets.apply({
    sortRange: {
      range: { sheetId: 7, startRowIndex: 1, endColumnIndex: 1 },
      sortSpecs: [{ dimensionIndex: 0, sortOrder: 'DESCENDING' }],
    },
  });
  expect(await sheets.values('Tab!A2:A')).toEqual([['b'], ['b'], ['A'], ['10'], ['9']]);
});
