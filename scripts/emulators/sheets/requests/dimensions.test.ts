import { describe, expect, test } from 'vitest';
import { BOOK, tab, type TestSheets, testSheets } from '../testing.ts';

const COLUMNS = [
  ['id', 'name', 'mail'],
  ['1', 'a', 'x'],
];
const ROWS = [['h'], ['1'], ['2'], ['3'], ['4']];
const range = (dimension: string, startIndex: number, endIndex: number) => ({
  sheetId: 7,
  dimension,
  startIndex,
  endIndex,
});
const bind = (metadataKey: string, index: number) => ({
  createDeveloperMetadata: {
    developerMetadata: {
      metadataKey,
      visibility: 'DOCUMENT',
      location: { dimensionRange: range('COLUMNS', index, index + 1) },
    },
  },
});
const grid = async ({ api }: TestSheets) => {
  const { data } = await api.get({
    spreadsheetId: BOOK,
    ranges: ['Tab'],
    fields: 'sheets(properties.gridProperties,data.columnMetadata)',
  });
  return {
    ...data.sheets?.[0]?.properties?.gridProperties,
    keys: data.sheets?.[0]?.data?.[0]?.columnMetadata?.map(
      (one) => one.developerMetadata?.[0]?.metadataKey ?? '',
    ),
    hidden: data.sheets?.[0]?.data?.[0]?.columnMetadata?.map((one) => one.hiddenByUser ?? false),
  };
};

describe('moveDimension', () => {
  test.each([
    [2, 3, 0, ['mail', 'id', 'name']],
    [0, 1, 3, ['name', 'mail', 'id']],
    [0, 1, 2, ['name', 'id', 'mail']],
    [0, 2, 3, ['mail', 'id', 'name']],
    [0, 1, 1, ['id', 'name', 'mail']],
  ])(
    'moves columns [%i, %i) to %i with their cells, metadata and hiding',
    async (start, end, target, expected) => {
      const sheets = await testSheets();
      await sheets.apply(
        ...tab('Tab', ...COLUMNS),
        ...['id', 'name', 'mail'].map(bind),
        {
          updateDimensionProperties: {
            range: range('COLUMNS', 0, 1),
            properties: { hiddenByUser: true },
            fields: '*',
          },
        },
        { moveDimension: { source: range('COLUMNS', start, end), destinationIndex: target } },
      );
      expect((await sheets.values('Tab'))[0]).toEqual(expected);
      expect(await grid(sheets)).toMatchObject({
        keys: expected,
        hidden: expected.map((key) => key === 'id'),
      });
    },
  );

  test.each([
    [3, 5, 1, ['h', '3', '4', '1', '2']],
    [1, 2, 5, ['h', '2', '3', '4', '1']],
    [1, 3, 4, ['h', '3', '1', '2', '4']],
    [1, 3, 2, ['h', '1', '2', '3', '4']],
  ])('moves rows [%i, %i) to %i', async (start, end, target, expected) => {
    const sheets = await testSheets();
    await sheets.apply(...tab('Tab', ...ROWS), {
      moveDimension: { source: range('ROWS', start, end), destinationIndex: target },
    });
    expect((await sheets.values('Tab')).flat()).toEqual(expected);
  });
});

describe('insertDimension', () => {
  test('pushes columns to the right; what was bound to them goes along', async () => {
    const sheets = await testSheets();
    await sheets.apply(...tab('Tab', ...COLUMNS), bind('name', 1), {
      insertDimension: { range: range('COLUMNS', 1, 3) },
    });
    expect(await sheets.values('Tab')).toEqual([
      ['id', '', '', 'name', 'mail'],
      ['1', '', '', 'a', 'x'],
    ]);
    expect(await grid(sheets)).toMatchObject({ columnCount: 5, keys: ['', '', '', 'name', ''] });
  });

  test('pushes rows down', async () => {
    const sheets = await testSheets();
    await sheets.apply(...tab('Tab', ...ROWS), { insertDimension: { range: range('ROWS', 1, 2) } });
    expect(await sheets.values('Tab')).toEqual([['h'], [], ['1'], ['2'], ['3'], ['4']]);
    expect(await grid(sheets)).toMatchObject({ rowCount: 101, frozenRowCount: 1 });
  });

  test('adds at the end only when it inherits from before', async () => {
    const sheets = await testSheets();
    await sheets.apply(...tab('Tab', ...COLUMNS));
    const atEnd = { range: range('COLUMNS', 3, 4) };
    await expect(sheets.apply({ insertDimension: atEnd })).rejects.toMatchObject({ status: 400 });
    await sheets.apply({ insertDimension: { ...atEnd, inheritFromBefore: true } });
    expect(await grid(sheets)).toMatchObject({ columnCount: 4 });
  });
});

describe('deleteDimension', () => {
  test('takes a column’s cells and metadata with it', async () => {
    const sheets = await testSheets();
    await sheets.apply(...tab('Tab', ...COLUMNS, ['', 'only', '']), bind('name', 1), bind('mail', 2), {
      deleteDimension: { range: range('COLUMNS', 1, 2) },
    });
    expect(await sheets.values('Tab')).toEqual([
      ['id', 'mail'],
      ['1', 'x'],
    ]);
    expect(await grid(sheets)).toMatchObject({ columnCount: 2, keys: ['', 'mail'] });
  });

  test('moves up the rows below and takes a frozen row out of the frozen ones', async () => {
    const sheets = await testSheets();
    await sheets.apply(...tab('Tab', ...ROWS), { deleteDimension: { range: range('ROWS', 0, 2) } });
    expect((await sheets.values('Tab')).flat()).toEqual(['2', '3', '4']);
    const { frozenRowCount, rowCount } = await grid(sheets);
    expect({ frozenRowCount, rowCount }).toEqual({ frozenRowCount: undefined, rowCount: 98 });
  });

  test('refuses with Google’s words what would leave nothing', async () => {
    const sheets = await testSheets();
    await sheets.apply(...tab('Tab', ...ROWS));
    const remove = (start: number, end: number) =>
      sheets.apply({ deleteDimension: { range: range('ROWS', start, end) } });
    await expect(remove(0, 100)).rejects.toThrow("You can't delete all the rows on the sheet.");
    await expect(remove(1, 100)).rejects.toThrow('Sorry, it is not possible to delete all non-frozen rows.');
    await expect(remove(50, 101)).rejects.toThrow(
      "Cannot delete a row that doesn't exist. Tried to delete row index 100 but there are only 100 rows.",
    );
    await expect(
      sheets.apply({ deleteDimension: { range: { sheetId: 7, dimension: 'COLUMNS' } } }),
    ).rejects.toMatchObject({ status: 400 });
  });
});

test('appendDimension adds rows and columns at the end', async () => {
  const sheets = await testSheets();
  await sheets.apply(
    ...tab('Tab', ...COLUMNS),
    { appendDimension: { sheetId: 7, dimension: 'COLUMNS', length: 2 } },
    { appendDimension: { sheetId: 7, dimension: 'ROWS', length: 50 } },
  );
  expect(await grid(sheets)).toMatchObject({ columnCount: 5, rowCount: 150 });
});

const hide = (dimension: string, start: number, end: number, hiddenByUser: boolean) => ({
  updateDimensionProperties: {
    range: range(dimension, start, end),
    properties: { hiddenByUser },
    fields: 'hiddenByUser',
  },
});

describe('updateDimensionProperties', () => {
  test('hides columns and shows them again, but never hides all', async () => {
    const sheets = await testSheets();
    await sheets.apply(...tab('Tab', ...COLUMNS), hide('COLUMNS', 0, 2, true), hide('COLUMNS', 1, 2, false));
    expect(await grid(sheets)).toMatchObject({ hidden: [true, false, false] });
    await expect(sheets.apply(hide('COLUMNS', 1, 3, true))).rejects.toMatchObject({ status: 400 });
  });

  test('refuses rows and columns that are not there', async () => {
    const sheets = await testSheets();
    await sheets.apply(...tab('Tab', ...COLUMNS));
    await expect(sheets.apply(hide('ROWS', 0, 1, true))).rejects.toThrow('Hiding rows is not emulated.');
    await expect(sheets.apply(hide('COLUMNS', 2, 4, true))).rejects.toMatchObject({ status: 400 });
  });
});
