import * as v from 'valibot';
import { numberPattern, timePattern, type Cell } from '../grid/cells.ts';

// What requests consist of. null means unset, a missing number is 0 (protocol buffers), and an integer may be a string.

const Int = v.pipe(
  v.union([
    v.number(),
    v.pipe(
      v.string(),
      v.regex(/^-?\d+$/),
      v.transform((digits) => Number(digits)),
    ),
  ]),
  v.integer(),
  v.minValue(-(2 ** 31)),
  v.maxValue(2 ** 31 - 1),
);
export const Index = v.pipe(Int, v.minValue(0));
export const SheetId = v.nullish(Int, 0);
export const Fields = v.nullish(v.string(), '');

export const Dimension = v.picklist(['ROWS', 'COLUMNS']);

/** Half-open; a missing start is 0, a missing end the end of the sheet. */
export const DimensionRange = v.strictObject({
  sheetId: SheetId,
  dimension: Dimension,
  startIndex: v.nullish(Index, 0),
  endIndex: v.nullish(Index),
});

export const GridRange = v.strictObject({
  sheetId: SheetId,
  startRowIndex: v.nullish(Index, 0),
  endRowIndex: v.nullish(Index),
  startColumnIndex: v.nullish(Index, 0),
  endColumnIndex: v.nullish(Index),
});

const EnteredValue = v.pipe(
  v.strictObject({
    stringValue: v.nullish(v.string()),
    numberValue: v.nullish(v.pipe(v.number(), v.finite())),
    boolValue: v.nullish(v.boolean()),
    formulaValue: v.nullish(v.pipe(v.string(), v.startsWith('='))),
  }),
  v.check(
    (value) => Object.values(value).filter((one) => one !== null).length <= 1,
    'only one value may be set',
  ),
  v.transform(({ stringValue, numberValue, boolValue, formulaValue }): Cell | undefined => {
    if (typeof formulaValue === 'string') return { formula: formulaValue };
    // An empty text leaves the cell empty.
    if (typeof stringValue === 'string') return stringValue || undefined;
    return numberValue ?? boolValue ?? undefined;
  }),
);

const NumberFormat = v.strictObject({
  type: v.picklist(['NUMBER', 'DATE_TIME']),
  pattern: v.pipe(
    v.string(),
    v.check(
      (pattern) => pattern === timePattern || numberPattern.test(pattern),
      'the pattern is not emulated',
    ),
  ),
});

const CellData = v.pipe(
  v.strictObject({
    userEnteredValue: v.nullish(EnteredValue),
    userEnteredFormat: v.nullish(v.strictObject({ numberFormat: v.nullish(NumberFormat) })),
  }),
  v.transform(({ userEnteredValue, userEnteredFormat }): Cell | undefined => {
    const pattern = userEnteredFormat?.numberFormat?.pattern;
    if (typeof userEnteredValue !== 'number' || pattern === undefined) return userEnteredValue ?? undefined;
    return { number: userEnteredValue, pattern };
  }),
);

const RowData = v.pipe(
  v.strictObject({ values: v.nullish(v.array(CellData), []) }),
  v.transform(({ values }) => values),
);
export const Rows = v.nullish(v.array(RowData), []);

const GridProperties = v.strictObject({
  rowCount: v.nullish(Index),
  columnCount: v.nullish(Index),
  frozenRowCount: v.nullish(Index),
});

export const SheetProperties = v.strictObject({
  sheetId: v.nullish(Index),
  title: v.nullish(v.string()),
  index: v.nullish(Index),
  hidden: v.nullish(v.boolean()),
  sheetType: v.nullish(v.literal('GRID')),
  gridProperties: v.nullish(GridProperties),
});

const Visibility = v.picklist(['DOCUMENT', 'PROJECT']);

const MetadataLocation = v.strictObject({
  spreadsheet: v.nullish(v.boolean()),
  sheetId: v.nullish(Int),
  dimensionRange: v.nullish(DimensionRange),
});

export const DeveloperMetadata = v.strictObject({
  metadataId: v.nullish(v.pipe(Int, v.minValue(1))),
  metadataKey: v.pipe(v.string(), v.nonEmpty()),
  metadataValue: v.nullish(v.string()),
  visibility: Visibility,
  location: MetadataLocation,
});

export const DataFilter = v.strictObject({
  developerMetadataLookup: v.pipe(
    v.strictObject({
      locationType: v.nullish(v.picklist(['SPREADSHEET', 'SHEET', 'COLUMN'])),
      metadataId: v.nullish(Int),
      metadataKey: v.nullish(v.string()),
      metadataValue: v.nullish(v.string()),
      visibility: v.nullish(Visibility),
      metadataLocation: v.nullish(MetadataLocation),
      locationMatchingStrategy: v.nullish(v.literal('EXACT_LOCATION')),
    }),
    v.check(
      ({ metadataLocation, locationMatchingStrategy }) =>
        !metadataLocation || Boolean(locationMatchingStrategy),
      'a location that is not matched exactly is not emulated',
    ),
  ),
});

export type DimensionRange = v.InferOutput<typeof DimensionRange>;
export type GridRange = v.InferOutput<typeof GridRange>;
export type DataFilter = v.InferOutput<typeof DataFilter>;
