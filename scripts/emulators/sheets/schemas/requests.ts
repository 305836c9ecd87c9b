import * as v from 'valibot';
import { numberPattern, timePattern, type Cell } from '../grid/cells.ts';
import { badField, type GoogleError } from '../grid/google-error.ts';
import { guessed, seen } from '../grid/texts.ts';

// The requests that are emulated, with those of their fields that are. Everything is strict: a field that the
// emulator would not honour is refused as Google refuses a field that does not exist. null means unset, a missing
// number is 0 (protocol buffers), and an integer may be a string.

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
const Index = v.pipe(Int, v.minValue(0));
const SheetId = v.nullish(Int, 0);
const Fields = v.nullish(v.string(), '');

const Dimension = v.picklist(['ROWS', 'COLUMNS']);

/** Half-open; a missing start is 0, a missing end the end of the sheet. */
const DimensionRange = v.strictObject({
  sheetId: SheetId,
  dimension: Dimension,
  startIndex: v.nullish(Index, 0),
  endIndex: v.nullish(Index),
});

const GridRange = v.strictObject({
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
const Rows = v.nullish(v.array(RowData), []);

const GridProperties = v.strictObject({
  rowCount: v.nullish(Index),
  columnCount: v.nullish(Index),
  frozenRowCount: v.nullish(Index),
});

const SheetProperties = v.strictObject({
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

const DeveloperMetadata = v.strictObject({
  metadataId: v.nullish(v.pipe(Int, v.minValue(1))),
  metadataKey: v.pipe(v.string(), v.nonEmpty()),
  metadataValue: v.nullish(v.string()),
  visibility: Visibility,
  location: MetadataLocation,
});

const DataFilter = v.strictObject({
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

const SheetRequest = v.strictObject({
  createDeveloperMetadata: v.optional(v.strictObject({ developerMetadata: DeveloperMetadata })),
  deleteDeveloperMetadata: v.optional(v.strictObject({ dataFilter: DataFilter })),
  addSheet: v.optional(v.strictObject({ properties: v.nullish(SheetProperties, {}) })),
  duplicateSheet: v.optional(
    v.strictObject({
      sourceSheetId: SheetId,
      insertSheetIndex: v.nullish(Index, 0),
      newSheetId: v.nullish(Index),
      newSheetName: v.nullish(v.string()),
    }),
  ),
  deleteSheet: v.optional(v.strictObject({ sheetId: SheetId })),
  updateSheetProperties: v.optional(v.strictObject({ properties: SheetProperties, fields: Fields })),
  updateDimensionProperties: v.optional(
    v.strictObject({
      range: DimensionRange,
      properties: v.strictObject({ hiddenByUser: v.nullish(v.boolean(), false) }),
      fields: Fields,
    }),
  ),
  appendDimension: v.optional(v.strictObject({ sheetId: SheetId, dimension: Dimension, length: Index })),
  insertDimension: v.optional(
    v.strictObject({ range: DimensionRange, inheritFromBefore: v.nullish(v.boolean()) }),
  ),
  deleteDimension: v.optional(v.strictObject({ range: DimensionRange })),
  moveDimension: v.optional(
    v.strictObject({ source: DimensionRange, destinationIndex: v.nullish(Index, 0) }),
  ),
  updateCells: v.optional(
    v.strictObject({
      start: v.nullish(
        v.strictObject({ sheetId: SheetId, rowIndex: v.nullish(Index, 0), columnIndex: v.nullish(Index, 0) }),
      ),
      range: v.nullish(GridRange),
      rows: Rows,
      fields: Fields,
    }),
  ),
  appendCells: v.optional(v.strictObject({ sheetId: SheetId, rows: Rows, fields: Fields })),
  deleteDuplicates: v.optional(
    v.strictObject({ range: GridRange, comparisonColumns: v.nullish(v.array(DimensionRange), []) }),
  ),
  sortRange: v.optional(
    v.strictObject({
      range: GridRange,
      sortSpecs: v.nullish(
        v.array(
          v.strictObject({
            dimensionIndex: v.nullish(Index, 0),
            sortOrder: v.nullish(v.picklist(['ASCENDING', 'DESCENDING']), 'ASCENDING'),
          }),
        ),
        [],
      ),
    }),
  ),
});

export type SheetRequest = v.InferOutput<typeof SheetRequest>;
/** The content of one kind of request. */
export type RequestOf<Kind extends keyof SheetRequest> = NonNullable<SheetRequest[Kind]>;
export type DimensionRange = v.InferOutput<typeof DimensionRange>;
export type GridRange = v.InferOutput<typeof GridRange>;
export type DataFilter = v.InferOutput<typeof DataFilter>;

export const BatchUpdate = v.strictObject({ requests: v.nullish(v.array(SheetRequest), []) });

export const SearchMetadata = v.strictObject({ dataFilters: v.nullish(v.array(DataFilter), []) });

export const CreateSpreadsheet = v.strictObject({
  properties: v.nullish(v.strictObject({ title: v.nullish(v.string()) }), {}),
  sheets: v.nullish(v.array(v.strictObject({ properties: v.nullish(SheetProperties, {}) })), []),
});

/** @throws GoogleError 400 that names the field at fault the way Google does (`requests[0].add_sheet.properties`) */
export function parseBody<Schema extends v.GenericSchema>(
  schema: Schema,
  body: unknown,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, body, { abortEarly: true });
  if (result.success) return result.output;
  throw fieldError(result.issues[0]);
}

function fieldError(issue: v.BaseIssue<unknown>): GoogleError {
  const keys = issue.path?.map(({ key }) => key) ?? [];
  // valibot's name for a key that a strict object does not have.
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    const at = protoPath(keys.slice(0, -1));
    return badField(at, seen.unknownName(String(keys.at(-1)), at));
  }
  return badField(protoPath(keys), guessed.invalidValue(protoPath(keys), issue.message));
}

function protoPath(keys: unknown[]): string {
  return keys
    .map((key) =>
      typeof key === 'number'
        ? `[${key}]`
        : `.${String(key).replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`,
    )
    .join('')
    .replace(/^\./, '');
}
