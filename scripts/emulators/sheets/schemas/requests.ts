import * as v from 'valibot';
import {
  Index,
  SheetId,
  Fields,
  Dimension,
  DimensionRange,
  GridRange,
  Rows,
  SheetProperties,
  DeveloperMetadata,
  DataFilter,
} from './shapes.ts';

// The requests that are emulated, with those of their fields that are. Everything is strict: a field that the
// emulator would not honour is refused as Google refuses a field that does not exist.

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

export const BatchUpdate = v.strictObject({ requests: v.nullish(v.array(SheetRequest), []) });

export const SearchMetadata = v.strictObject({ dataFilters: v.nullish(v.array(DataFilter), []) });

export const CreateSpreadsheet = v.strictObject({
  properties: v.nullish(v.strictObject({ title: v.nullish(v.string()) }), {}),
  sheets: v.nullish(v.array(v.strictObject({ properties: v.nullish(SheetProperties, {}) })), []),
});
