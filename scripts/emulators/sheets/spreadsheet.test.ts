import { describe, expect, test } from 'vitest';
import { BOOK, tab, testSheets } from './testing.ts';

describe('spreadsheets.get', () => {
  test('leaves cells out unless they are asked for', async () => {
    const sheets = await testSheets();
    await sheets.apply(...tab('Tab', ['id'], ['1']));
    const { data } = await sheets.api.get({ spreadsheetId: BOOK });
    expect(data).toMatchObject({ spreadsheetId: BOOK, properties: { title: BOOK } });
    expect(data.sheets).toEqual([
      {
        properties: {
          sheetId: 0,
          title: 'Sheet1',
          index: 0,
          sheetType: 'GRID',
          gridProperties: { rowCount: 1000, columnCount: 26 },
        },
      },
      { properties: expect.objectContaining({ sheetId: 7 }) },
    ]);
  });

  test('returns the sheets and areas of the ranges', async () => {
    const sheets = await testSheets();
    await sheets.apply(...tab('Tab', ['id', 'name'], ['1', 'a'], ['2', 'b']));
    const { data } = await sheets.api.get({
      spreadsheetId: BOOK,
      ranges: ['Tab!B2:B', 'Tab!A1'],
      fields: 'sheets(properties.title,data(startRow,startColumn,rowData.values.formattedValue))',
    });
    expect(data.sheets).toEqual([
      {
        properties: { title: 'Tab' },
        data: [
          {
            startRow: 1,
            startColumn: 1,
            rowData: [{ values: [{ formattedValue: 'a' }] }, { values: [{ formattedValue: 'b' }] }],
          },
          { rowData: [{ values: [{ formattedValue: 'id' }] }] },
        ],
      },
    ]);
  });

  test('a mask alone says whether cells are given', async () => {
    const sheets = await testSheets();
    await sheets.apply(...tab('Tab', ['id']));
    const { data } = await sheets.api.get({
      spreadsheetId: BOOK,
      includeGridData: true,
      fields: 'sheets.properties',
    });
    expect(data.sheets?.[1]?.data).toBeUndefined();
  });

  test('refuses a mask that names what is not there', async () => {
    const sheets = await testSheets();
    const answer = await fetch(`${sheets.url}/v4/spreadsheets/${BOOK}?fields=sheets.charts`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toEqual({
      error: {
        code: 400,
        message: 'Request contains an invalid argument.',
        status: 'INVALID_ARGUMENT',
        details: [
          {
            '@type': 'type.googleapis.com/google.rpc.BadRequest',
            fieldViolations: [
              {
                field: 'sheets.charts',
                description:
                  "Error expanding 'fields' parameter. Cannot find matching fields for path 'sheets.charts'.",
              },
            ],
          },
        ],
      },
    });
  });
});

describe('spreadsheets.create', () => {
  test('makes a spreadsheet with one sheet by default', async () => {
    const sheets = await testSheets();
    const { data } = await sheets.api.create({ requestBody: { properties: { title: 'Mine' } } });
    expect(data).toMatchObject({
      spreadsheetId: expect.stringMatching(/^[\w-]{44}$/),
      properties: { title: 'Mine' },
      sheets: [{ properties: { sheetId: 0, title: 'Sheet1' } }],
    });
    const made = await sheets.api.create({
      requestBody: { sheets: [{ properties: { title: 'A' } }, { properties: { title: 'B' } }] },
      fields: 'sheets.properties.title',
    });
    expect(made.data).toEqual({ sheets: [{ properties: { title: 'A' } }, { properties: { title: 'B' } }] });
  });
});

describe('spreadsheets.values.get', () => {
  test('returns rows or columns without the empty ends', async () => {
    const sheets = await testSheets();
    await sheets.apply(...tab('My tab', ['id', 'name', 'mail'], ['1', '', ''], ['', '', ''], ['2', 'b', '']));
    const get = async (range: string, majorDimension = 'ROWS') =>
      (await sheets.api.values.get({ spreadsheetId: BOOK, range, majorDimension })).data;
    expect(await get("'My tab'!A:A")).toEqual({
      range: "'My tab'!A1:A100",
      majorDimension: 'ROWS',
      values: [['id'], ['1'], [], ['2']],
    });
    expect(await get('My tab', 'COLUMNS')).toMatchObject({
      majorDimension: 'COLUMNS',
      values: [['id', '1', '', '2'], ['name', '', '', 'b'], ['mail']],
    });
    expect(await get('My tab!A5:B')).toEqual({ range: "'My tab'!A5:B100", majorDimension: 'ROWS' });
  });

  test('returns values as shown, as they are, or as formulas', async () => {
    const sheets = await testSheets();
    const values = [
      { userEnteredValue: { numberValue: 1.5 } },
      { userEnteredValue: { formulaValue: '=A1' } },
    ];
    await sheets.apply({ appendCells: { sheetId: 0, rows: [{ values }], fields: '*' } });
    const get = async (valueRenderOption?: string) =>
      (
        await sheets.api.values.get({
          spreadsheetId: BOOK,
          range: 'A1:B1',
          ...(valueRenderOption && { valueRenderOption }),
        })
      ).data.values;
    expect(await get()).toEqual([['1.5', '#FORMULA =A1']]);
    expect(await get('UNFORMATTED_VALUE')).toEqual([[1.5, '#FORMULA =A1']]);
    expect(await get('FORMULA')).toEqual([[1.5, '=A1']]);
  });
});
