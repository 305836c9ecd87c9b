import { expect, test } from 'vitest';
import { BOOK, tab, testSheets, texts } from '../testing.ts';

const token = (metadataId: number, metadataValue = 'digest') => ({
  createDeveloperMetadata: {
    developerMetadata: {
      metadataId,
      metadataKey: 'token',
      metadataValue,
      visibility: 'DOCUMENT',
      location: { spreadsheet: true },
    },
  },
});
const append = (...rows: string[][]) => ({
  appendCells: { sheetId: 7, rows: texts(...rows), fields: 'userEnteredValue' },
});

test('applies none of the requests when one of them cannot be applied', async () => {
  const sheets = await testSheets();
  await sheets.apply(...tab('Tab', ['id'], ['1']));

  await expect(sheets.apply(token(1), append(['2']), append(['too', 'wide']))).rejects.toMatchObject({
    status: 400,
    message:
      'Invalid requests[2].appendCells: Attempting to write column: 1, beyond the last requested column of: 0',
  });

  expect(await sheets.values('Tab')).toEqual([['id'], ['1']]);
  await expect(
    sheets.api.developerMetadata.get({ spreadsheetId: BOOK, metadataId: 1 }),
  ).rejects.toMatchObject({
    status: 404,
  });
});

test('refuses a batch whose metadata id is taken, so that the same batch sent again changes nothing', async () => {
  const sheets = await testSheets();
  await sheets.apply(...tab('Tab', ['id']));
  const batch = [token(42), append(['1'])];

  await sheets.apply(...batch);
  await expect(sheets.apply(...batch)).rejects.toMatchObject({ status: 400 });

  expect(await sheets.values('Tab')).toEqual([['id'], ['1']]);
  const { data } = await sheets.api.developerMetadata.get({ spreadsheetId: BOOK, metadataId: 42 });
  expect(data).toMatchObject({ metadataValue: 'digest', location: { locationType: 'SPREADSHEET' } });
});

test('a request sees what those before it did', async () => {
  const sheets = await testSheets();
  const replies = await sheets.apply(...tab('Tab', ['id']), append(['1']), token(1));
  expect(replies).toMatchObject([
    { addSheet: { properties: { sheetId: 7 } } },
    {},
    {},
    { createDeveloperMetadata: {} },
  ]);
  expect(await sheets.values('Tab')).toEqual([['id'], ['1']]);
});

test('refuses an empty batch, a request of no kind and one of two kinds', async () => {
  const sheets = await testSheets();
  await expect(sheets.apply()).rejects.toThrow('Must specify at least one request.');
  await expect(sheets.apply({})).rejects.toMatchObject({ status: 400 });
  await expect(sheets.apply({ ...append(['1']), deleteSheet: { sheetId: 0 } })).rejects.toMatchObject({
    status: 400,
  });
});

test.each([
  [{ requests: [{ addChart: {} }] }, 'Unknown name "addChart" at \'requests[0]\'', 'requests[0]'],
  [{ requests: [], dryRun: true }, 'Unknown name "dryRun": Cannot find field.', ''],
  [
    { requests: [{ addSheet: { properties: { tabColor: {} } } }] },
    'Unknown name "tabColor" at \'requests[0].add_sheet.properties\'',
    'requests[0].add_sheet.properties',
  ],
  [
    { requests: [{ appendCells: { rows: [{ values: [{ note: 'x' }] }], fields: 'note' } }] },
    'Unknown name "note" at \'requests[0].append_cells.rows[0].values[0]\'',
    'requests[0].append_cells.rows[0].values[0]',
  ],
  [
    { requests: [{ deleteSheet: { sheetId: 'first' } }] },
    "Invalid value at 'requests[0].delete_sheet.sheet_id'",
    'requests[0].delete_sheet.sheet_id',
  ],
  [
    { requests: [{ createDeveloperMetadata: { developerMetadata: { metadataKey: 'k', location: {} } } }] },
    "Invalid value at 'requests[0].create_developer_metadata.developer_metadata.visibility'",
    'requests[0].create_developer_metadata.developer_metadata.visibility',
  ],
])('refuses %j and names the field', async (body, message, field) => {
  const sheets = await testSheets();
  const answer = await fetch(`${sheets.url}/v4/spreadsheets/${BOOK}:batchUpdate`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(400);
  expect(await answer.json()).toMatchObject({
    error: {
      code: 400,
      status: 'INVALID_ARGUMENT',
      message: expect.stringContaining(message),
      details: [{ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [{ field }] }],
    },
  });
});

test('an integer may be a text and null is unset, as in all of Google’s JSON', async () => {
  const sheets = await testSheets();
  const answer = await fetch(`${sheets.url}/v4/spreadsheets/${BOOK}:batchUpdate`, {
    method: 'POST',
    body: JSON.stringify({ requests: [{ addSheet: { properties: { sheetId: '12', title: null } } }] }),
  });
  expect(await answer.json()).toMatchObject({
    replies: [{ addSheet: { properties: { sheetId: 12, title: 'Sheet2' } } }],
  });
});
