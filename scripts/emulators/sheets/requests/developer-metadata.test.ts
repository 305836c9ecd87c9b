import type { sheets_v4 } from 'googleapis/build/src/apis/sheets/v4.js';
import { describe, expect, test } from 'vitest';
import { BOOK, tab, type TestSheets, testSheets } from '../testing.ts';

type Metadata = sheets_v4.Schema$DeveloperMetadata;
type Lookup = sheets_v4.Schema$DeveloperMetadataLookup;

const create = (metadata: Metadata) => ({
  createDeveloperMetadata: {
    developerMetadata: {
      visibility: 'DOCUMENT',
      location: { spreadsheet: true },
      metadataKey: 'k',
      ...metadata,
    },
  },
});
const column = (startIndex: number, endIndex: number, dimension = 'COLUMNS') => ({
  dimensionRange: { sheetId: 7, dimension, startIndex, endIndex },
});
const remove = (developerMetadataLookup: Lookup) => ({
  deleteDeveloperMetadata: { dataFilter: { developerMetadataLookup } },
});
async function search({ api }: TestSheets, ...lookups: Lookup[]) {
  const requestBody = {
    dataFilters: lookups.map((developerMetadataLookup) => ({ developerMetadataLookup })),
  };
  const { data } = await api.developerMetadata.search({ spreadsheetId: BOOK, requestBody });
  return data.matchedDeveloperMetadata?.map((match) => match.developerMetadata?.metadataId);
}

test('metadata is shown where it is bound: spreadsheet, sheet or column', async () => {
  const sheets = await testSheets();
  await sheets.apply(
    ...tab('Tab', ['id', 'name']),
    create({ metadataId: 1, metadataValue: 'whole' }),
    create({ metadataId: 2, location: { sheetId: 7 }, visibility: 'PROJECT' }),
    create({ metadataId: 3, location: column(1, 2) }),
  );
  const { data } = await sheets.api.get({ spreadsheetId: BOOK, ranges: ['Tab'], includeGridData: true });
  expect(data.developerMetadata).toEqual([
    {
      metadataId: 1,
      metadataKey: 'k',
      metadataValue: 'whole',
      location: { locationType: 'SPREADSHEET', spreadsheet: true },
      visibility: 'DOCUMENT',
    },
  ]);
  expect(data.sheets?.[0]?.developerMetadata).toEqual([
    {
      metadataId: 2,
      metadataKey: 'k',
      location: { locationType: 'SHEET', sheetId: 7 },
      visibility: 'PROJECT',
    },
  ]);
  expect(data.sheets?.[0]?.data?.[0]?.columnMetadata).toEqual([
    {},
    {
      developerMetadata: [
        {
          metadataId: 3,
          metadataKey: 'k',
          location: { locationType: 'COLUMN', ...column(1, 2) },
          visibility: 'DOCUMENT',
        },
      ],
    },
  ]);
});

test('an id is made up when none is given', async () => {
  const sheets = await testSheets();
  const replies = await sheets.apply(create({}), create({}));
  const ids = replies.map((reply) => reply.createDeveloperMetadata?.developerMetadata?.metadataId);
  expect(new Set(ids).size).toBe(2);
  expect(ids).toEqual([expect.any(Number), expect.any(Number)]);
});

test.each([
  ['no location', { location: {} }],
  ['two locations', { location: { spreadsheet: true, sheetId: 7 } }],
  ['several columns', { location: column(0, 2) }],
  ['a column that is not there', { location: column(2, 3) }],
  ['rows', { location: column(0, 1, 'ROWS') }],
  ['a sheet that is not there', { location: { sheetId: 99 } }],
  ['no key', { metadataKey: '' }],
  ['an id that is not positive', { metadataId: 0 }],
  ['an unknown visibility', { visibility: 'SECRET' }],
])('refuses %s', async (_, metadata) => {
  const sheets = await testSheets();
  await sheets.apply(...tab('Tab', ['id', 'name']));
  await expect(sheets.apply(create(metadata))).rejects.toMatchObject({ status: 400 });
});

describe('searching', () => {
  test('finds by each field, by all fields of a lookup together and by any of several lookups', async () => {
    const sheets = await testSheets();
    await sheets.apply(
      ...tab('Tab', ['id']),
      create({ metadataId: 1, metadataKey: 'a', metadataValue: 'x' }),
      create({ metadataId: 2, metadataKey: 'a', location: { sheetId: 7 } }),
      create({ metadataId: 3, metadataKey: 'b', metadataValue: 'x', location: column(0, 1) }),
    );
    expect(await search(sheets, { metadataKey: 'a' })).toEqual([1, 2]);
    expect(await search(sheets, { metadataValue: 'x' })).toEqual([1, 3]);
    expect(await search(sheets, { metadataId: 3 })).toEqual([3]);
    expect(await search(sheets, { locationType: 'COLUMN' })).toEqual([3]);
    expect(await search(sheets, { metadataKey: 'a', locationType: 'SPREADSHEET' })).toEqual([1]);
    expect(await search(sheets, { metadataId: 2 }, { metadataKey: 'b' })).toEqual([2, 3]);
    expect(await search(sheets, { metadataKey: 'c' })).toBeUndefined();
  });

  test('deletes what a lookup finds and says what that was', async () => {
    const sheets = await testSheets();
    await sheets.apply(
      create({ metadataId: 1 }),
      create({ metadataId: 2 }),
      create({ metadataId: 3, metadataKey: 'b' }),
    );
    const [one, none, rest] = await sheets.apply(
      remove({ metadataId: 2 }),
      remove({ metadataId: 2 }),
      remove({ metadataKey: 'k' }),
    );
    const ids = (reply: typeof one) =>
      reply?.deleteDeveloperMetadata?.deletedDeveloperMetadata?.map(({ metadataId }) => metadataId);
    expect([ids(one), ids(none), ids(rest)]).toEqual([[2], [], [1]]);
    await sheets.apply(create({ metadataId: 2 }));
    expect(await search(sheets, {})).toEqual([2, 3]);
  });

  test('finds by the exact place, which is where a column is now', async () => {
    const sheets = await testSheets();
    await sheets.apply(
      ...tab('Tab', ['id', 'name']),
      create({ metadataId: 1 }),
      create({ metadataId: 2, location: { sheetId: 7 } }),
      create({ metadataId: 3, location: column(0, 1) }),
    );
    const at = (metadataLocation: NonNullable<Lookup['metadataLocation']>) =>
      search(sheets, { metadataLocation, locationMatchingStrategy: 'EXACT_LOCATION' });
    expect(await at({ spreadsheet: true })).toEqual([1]);
    expect(await at({ sheetId: 7 })).toEqual([2]);
    expect(await at(column(0, 1))).toEqual([3]);
    await sheets.apply({ moveDimension: { source: column(1, 2).dimensionRange, destinationIndex: 0 } });
    expect(await at(column(0, 1))).toBeUndefined();
    expect(await at(column(1, 2))).toEqual([3]);
    const loose = search(sheets, { metadataLocation: { sheetId: 7 } });
    await expect(loose).rejects.toMatchObject({ status: 400 });
  });
});

test('keys and values may have 30,000 characters in the spreadsheet and as many in each sheet', async () => {
  const sheets = await testSheets();
  const metadataValue = 'x'.repeat(29_999);
  await sheets.apply(
    ...tab('Tab', ['id']),
    create({ metadataValue }),
    create({ metadataValue, location: { sheetId: 0 } }),
    create({ metadataValue: metadataValue.slice(1), location: column(0, 1) }),
  );
  await expect(sheets.apply(create({}))).rejects.toMatchObject({ status: 400 });
  await sheets.apply(create({ location: { sheetId: 7 } }));
  await expect(sheets.apply(create({ location: { sheetId: 7 } }))).rejects.toMatchObject({ status: 400 });
});
