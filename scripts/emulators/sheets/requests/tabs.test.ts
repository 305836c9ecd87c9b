import { describe, expect, test } from 'vitest';
import { BOOK, tab, type TestSheets, testSheets } from '../testing.ts';

const properties = async ({ api }: TestSheets) => {
  const { data } = await api.get({ spreadsheetId: BOOK, fields: 'sheets.properties' });
  return data.sheets?.map((sheet) => sheet.properties) ?? [];
};
const titles = async (sheets: TestSheets) => (await properties(sheets)).map((one) => one?.title);
const add = (title: string, more = {}) => ({ addSheet: { properties: { title, ...more } } });

describe('addSheet', () => {
  test('makes 1000 rows and 26 columns at the end by default', async () => {
    const sheets = await testSheets();
    const [reply] = await sheets.apply({ addSheet: {} });
    expect(reply?.addSheet?.properties).toEqual({
      sheetId: expect.any(Number),
      title: 'Sheet2',
      index: 1,
      sheetType: 'GRID',
      gridProperties: { rowCount: 1000, columnCount: 26 },
    });
    await sheets.apply(
      add('First', { index: 0, sheetId: 3, gridProperties: { rowCount: 2, frozenRowCount: 1 } }),
    );
    expect((await properties(sheets))[0]).toMatchObject({
      sheetId: 3,
      title: 'First',
      gridProperties: { rowCount: 2, columnCount: 26, frozenRowCount: 1 },
    });
  });

  test('refuses a title or id that is taken, a bad title and a grid with all rows frozen', async () => {
    const sheets = await testSheets();
    await sheets.apply(add('Tab', { sheetId: 5 }));
    await expect(sheets.apply(add('Tab'))).rejects.toThrow(
      'Invalid requests[0].addSheet: A sheet with the name "Tab" already exists. Please enter another name.',
    );
    await expect(sheets.apply(add('tab'))).rejects.toThrow('already exists');
    await expect(sheets.apply(add('Other', { sheetId: 5 }))).rejects.toMatchObject({ status: 400 });
    await expect(sheets.apply(add(''))).rejects.toMatchObject({ status: 400 });
    await expect(sheets.apply(add('x'.repeat(101)))).rejects.toThrow('cannot be greater than 100 characters');
    await expect(
      sheets.apply(add('Frozen', { gridProperties: { rowCount: 1, frozenRowCount: 1 } })),
    ).rejects.toThrow("You can't freeze all visible rows on the sheet.");
    expect(await titles(sheets)).toEqual(['Sheet1', 'Tab']);
  });

  test('refuses the 201st sheet', async () => {
    const sheets = await testSheets();
    await sheets.apply(...Array.from({ length: 199 }, (_, index) => add(`Tab ${index}`)));
    await expect(sheets.apply(add('One more'))).rejects.toMatchObject({ status: 400 });
  });
});

describe('the limit of 10,000,000 cells', () => {
  const limit =
    'This action would increase the number of cells in the workbook above the limit of 10000000 cells.';

  test('counts the empty cells of all sheets', async () => {
    const sheets = await testSheets();
    // Sheet1 has 26,000 cells.
    const room = { rowCount: 9_974_000, columnCount: 1 };
    await sheets.apply(add('Big', { sheetId: 7, gridProperties: room }));
    await expect(
      sheets.apply(add('More', { gridProperties: { rowCount: 1, columnCount: 1 } })),
    ).rejects.toThrow(limit);
    await expect(
      sheets.apply({ appendDimension: { sheetId: 7, dimension: 'ROWS', length: 1 } }),
    ).rejects.toThrow(limit);
    await expect(
      sheets.apply({ appendDimension: { sheetId: 0, dimension: 'COLUMNS', length: 1 } }),
    ).rejects.toThrow(limit);
    await expect(
      sheets.apply({
        updateSheetProperties: {
          properties: { sheetId: 7, gridProperties: { columnCount: 2 } },
          fields: 'gridProperties.columnCount',
        },
      }),
    ).rejects.toThrow(limit);
  });

  test('holds for rows that appendCells adds', async () => {
    const sheets = await testSheets();
    const values = [{ userEnteredValue: { stringValue: 'x' } }];
    const append = { appendCells: { sheetId: 7, rows: [{ values }], fields: '*' } };
    await sheets.apply(
      add('Big', { sheetId: 6, gridProperties: { rowCount: 9_973_999, columnCount: 1 } }),
      add('Full', { sheetId: 7, gridProperties: { rowCount: 1, columnCount: 1 } }),
      append,
    );
    await expect(sheets.apply(append)).rejects.toThrow(`Invalid requests[0].appendCells: ${limit}`);
    expect(await sheets.values('Full')).toEqual([['x']]);
  });
});

test('deleteSheet takes a sheet with its rows and metadata, but never the last visible one', async () => {
  const sheets = await testSheets();
  await sheets.apply(...tab('Tab', ['id'], ['1']), {
    createDeveloperMetadata: {
      developerMetadata: {
        metadataId: 1,
        metadataKey: 'k',
        visibility: 'DOCUMENT',
        location: { sheetId: 7 },
      },
    },
  });
  await sheets.apply({ deleteSheet: { sheetId: 7 } });
  expect(await titles(sheets)).toEqual(['Sheet1']);
  await expect(
    sheets.api.developerMetadata.get({ spreadsheetId: BOOK, metadataId: 1 }),
  ).rejects.toMatchObject({
    status: 404,
  });
  await expect(sheets.values('Tab')).rejects.toThrow('Unable to parse range: Tab');
  await expect(sheets.apply({ deleteSheet: { sheetId: 7 } })).rejects.toThrow('No grid with id: 7');
  await sheets.apply(add('Unseen', { hidden: true }));
  await expect(sheets.apply({ deleteSheet: { sheetId: 0 } })).rejects.toThrow(
    "You can't remove all the sheets in a document.",
  );
});

const update = (properties: object, fields: string) => ({
  updateSheetProperties: { properties: { sheetId: 7, ...properties }, fields },
});
const size = (rowCount: number, columnCount: number) =>
  update({ gridProperties: { rowCount, columnCount } }, 'gridProperties(rowCount,columnCount)');

describe('updateSheetProperties', () => {
  test('changes what the mask names and nothing else', async () => {
    const sheets = await testSheets();
    await sheets.apply(...tab('Tab', ['id', 'name']), update({ title: 'Renamed', hidden: true }, 'title'));
    expect((await properties(sheets))[1]).toEqual({
      sheetId: 7,
      title: 'Renamed',
      index: 1,
      sheetType: 'GRID',
      gridProperties: { rowCount: 100, columnCount: 2, frozenRowCount: 1 },
    });
    await sheets.apply(update({ hidden: true }, 'hidden'));
    expect((await properties(sheets))[1]).toMatchObject({ hidden: true });
  });

  test('a smaller grid loses what was outside, a larger one is empty there', async () => {
    const sheets = await testSheets();
    await sheets.apply(...tab('Tab', ['id', 'name'], ['1', 'a'], ['2', 'b']), size(2, 1), size(3, 2));
    expect(await sheets.values('Tab')).toEqual([['id'], ['1']]);
  });

  test('refuses with Google’s words what would leave nothing', async () => {
    const sheets = await testSheets();
    await sheets.apply(...tab('Tab', ['id']));
    await expect(
      sheets.apply(update({ gridProperties: { frozenRowCount: 100 } }, 'gridProperties.frozenRowCount')),
    ).rejects.toThrow("You can't freeze all visible rows on the sheet.");
    await expect(
      sheets.apply(update({ gridProperties: { rowCount: 1 } }, 'gridProperties.rowCount')),
    ).rejects.toThrow('Sorry, it is not possible to delete all non-frozen rows.');
    // The whole message set means its missing numbers are set, to 0.
    await expect(
      sheets.apply(update({ gridProperties: { frozenRowCount: 0 } }, 'gridProperties')),
    ).rejects.toThrow("You can't delete all the rows on the sheet.");
    await expect(sheets.apply(update({ title: 'Sheet1' }, 'title'))).rejects.toThrow('already exists');
    await expect(sheets.apply(update({ title: 'x' }, ''))).rejects.toThrow(
      'At least one field must be listed',
    );
    await expect(sheets.apply(update({ title: 'x' }, 'tabColor'))).rejects.toMatchObject({ status: 400 });
  });

  test.each([
    [0, ['Tab', 'Sheet1', 'B']],
    [1, ['Sheet1', 'Tab', 'B']],
    [2, ['Sheet1', 'Tab', 'B']],
    [3, ['Sheet1', 'B', 'Tab']],
  ])('an index of %i counts the sheets as they were before', async (index, expected) => {
    const sheets = await testSheets();
    await sheets.apply(...tab('Tab', ['id']), add('B'), update({ index }, 'index'));
    expect(await titles(sheets)).toEqual(expected);
  });
});
