import { randomInt } from 'node:crypto';
import type { SQLTagStore } from 'node:sqlite';
import { isDeepStrictEqual } from 'node:util';
import * as v from 'valibot';
import { bounds } from './dimensions.ts';
import { invalid } from '../grid/google-error.ts';
import { checkMetadataLimit } from '../grid/limits.ts';
import type { DataFilter } from '../schemas/shapes.ts';
import type { RequestOf } from '../schemas/requests.ts';
import { getSheet, listSheets, type Sheet } from '../grid/sheet.ts';
import { guessed } from '../grid/texts.ts';

/** As the API returns it. `dimensionRange` is where the column is now, not where it was when it was bound. */
export interface DeveloperMetadata {
  metadataId: number;
  metadataKey: string;
  metadataValue?: string;
  location:
    | { locationType: 'SPREADSHEET'; spreadsheet: true }
    | { locationType: 'SHEET'; sheetId: number }
    | {
        locationType: 'COLUMN';
        dimensionRange: { sheetId: number; dimension: 'COLUMNS'; startIndex: number; endIndex: number };
      };
  visibility: 'DOCUMENT' | 'PROJECT';
}

const MetadataRecord = v.object({
  id: v.number(),
  key: v.string(),
  value: v.nullable(v.string()),
  visibility: v.picklist(['DOCUMENT', 'PROJECT']),
  sheet: v.nullable(v.number()),
  col: v.nullable(v.number()),
});

/** @throws GoogleError 400 when the id is taken: a client that sends a batch twice relies on that */
export function createDeveloperMetadata(
  sql: SQLTagStore,
  spreadsheet: string,
  { developerMetadata: wanted }: RequestOf<'createDeveloperMetadata'>,
): { developerMetadata: DeveloperMetadata | undefined } {
  const { metadataKey, metadataValue = null, visibility } = wanted;
  const { sheet, column } = locate(sql, spreadsheet, wanted.location);
  const id = wanted.metadataId ?? freshId(sql, spreadsheet);
  if (isTaken(sql, spreadsheet, id)) throw invalid(guessed.metadataIdTaken(id));
  sql.run`INSERT INTO metadata (spreadsheet, id, key, value, visibility, sheet, col)
    VALUES (${spreadsheet}, ${id}, ${metadataKey}, ${metadataValue}, ${visibility}, ${sheet}, ${column})`;
  checkMetadataLimit(sql, spreadsheet);
  const [developerMetadata] = listMetadata(sql, spreadsheet, { id });
  return { developerMetadata };
}

/** Deletes all that the filter matches; that there is none is no error. */
export function deleteDeveloperMetadata(
  sql: SQLTagStore,
  spreadsheet: string,
  { dataFilter }: RequestOf<'deleteDeveloperMetadata'>,
): { deletedDeveloperMetadata: DeveloperMetadata[] } {
  const id = dataFilter.developerMetadataLookup.metadataId;
  const deleted = listMetadata(sql, spreadsheet, { id }).filter((metadata) => matches(metadata, dataFilter));
  for (const { metadataId } of deleted) {
    sql.run`DELETE FROM metadata WHERE spreadsheet = ${spreadsheet} AND id = ${metadataId}`;
  }
  return { deletedDeveloperMetadata: deleted };
}

/** Binds to a copied sheet what is bound to its original, each with an id of its own. */
export function copyMetadata(sql: SQLTagStore, spreadsheet: string, from: Sheet, to: Sheet): void {
  for (const record of sql.all`SELECT * FROM metadata WHERE sheet = ${from.key} ORDER BY id`) {
    const { key, value, visibility, col } = v.parse(MetadataRecord, record);
    sql.run`INSERT INTO metadata (spreadsheet, id, key, value, visibility, sheet, col)
      VALUES (${spreadsheet}, ${freshId(sql, spreadsheet)}, ${key}, ${value}, ${visibility}, ${to.key}, ${col})`;
  }
  checkMetadataLimit(sql, spreadsheet);
}

/** All of a spreadsheet's metadata, ordered by id, or the one with this id. */
export function listMetadata(
  sql: SQLTagStore,
  spreadsheet: string,
  { id: wanted }: { id?: number | null | undefined } = {},
): DeveloperMetadata[] {
  const sheets = new Map(listSheets(sql, spreadsheet).map((sheet) => [sheet.key, sheet]));
  const records =
    typeof wanted === 'number'
      ? sql.all`SELECT * FROM metadata WHERE spreadsheet = ${spreadsheet} AND id = ${wanted}`
      : sql.all`SELECT * FROM metadata WHERE spreadsheet = ${spreadsheet} ORDER BY id`;
  return records.map((record) => {
    const { id, key, value, visibility, sheet, col } = v.parse(MetadataRecord, record);
    return {
      metadataId: id,
      metadataKey: key,
      ...(value !== null && { metadataValue: value }),
      location: locationOf(sheet === null ? undefined : sheets.get(sheet), col),
      visibility,
    };
  });
}

/** Whether every condition of the filter's lookup holds. */
export function matches(
  metadata: DeveloperMetadata,
  { developerMetadataLookup: lookup }: DataFilter,
): boolean {
  const conditions: [wanted: unknown, actual: unknown][] = [
    [lookup.metadataId, metadata.metadataId],
    [lookup.metadataKey, metadata.metadataKey],
    [lookup.metadataValue, metadata.metadataValue],
    [lookup.visibility, metadata.visibility],
    [lookup.locationType, metadata.location.locationType],
  ];
  const isLike = ([wanted, actual]: (typeof conditions)[number]) => (wanted ?? actual) === actual;
  return conditions.every(isLike) && isAt(metadata.location, lookup.metadataLocation);
}

function isAt(
  location: DeveloperMetadata['location'],
  wanted: DataFilter['developerMetadataLookup']['metadataLocation'],
): boolean {
  if (!wanted) return true;
  if (location.locationType === 'SPREADSHEET') return wanted.spreadsheet === true;
  if (location.locationType === 'SHEET') return wanted.sheetId === location.sheetId;
  return isDeepStrictEqual(wanted.dimensionRange, location.dimensionRange);
}

function locate(
  sql: SQLTagStore,
  spreadsheet: string,
  location: RequestOf<'createDeveloperMetadata'>['developerMetadata']['location'],
): { sheet: number | null; column: number | null } {
  const { spreadsheet: whole, sheetId, dimensionRange } = location;
  const given = [whole || undefined, sheetId ?? undefined, dimensionRange ?? undefined];
  if (given.filter((one) => one !== undefined).length !== 1) throw invalid(guessed.metadataLocation);
  if (whole) return { sheet: null, column: null };
  if (!dimensionRange) return { sheet: getSheet(sql, spreadsheet, sheetId ?? 0).key, column: null };
  if (dimensionRange.dimension === 'ROWS') throw invalid(guessed.notEmulated('Developer metadata on rows'));
  const { key, columns } = getSheet(sql, spreadsheet, dimensionRange.sheetId);
  const [start, end] = bounds(dimensionRange, columns.length);
  const [column, ...more] = columns.slice(start, end);
  if (!column || more.length > 0) throw invalid(guessed.oneColumn);
  return { sheet: key, column: column.id };
}

function locationOf(sheet: Sheet | undefined, column: number | null): DeveloperMetadata['location'] {
  if (!sheet) return { locationType: 'SPREADSHEET', spreadsheet: true };
  const { sheetId } = sheet;
  if (column === null) return { locationType: 'SHEET', sheetId };
  const index = sheet.columns.findIndex(({ id }) => id === column);
  return {
    locationType: 'COLUMN',
    dimensionRange: { sheetId, dimension: 'COLUMNS', startIndex: index, endIndex: index + 1 },
  };
}

function isTaken(sql: SQLTagStore, spreadsheet: string, id: number): boolean {
  return sql.get`SELECT 1 FROM metadata WHERE spreadsheet = ${spreadsheet} AND id = ${id}` !== undefined;
}

function freshId(sql: SQLTagStore, spreadsheet: string): number {
  const id = randomInt(1, 2 ** 31);
  return isTaken(sql, spreadsheet, id) ? freshId(sql, spreadsheet) : id;
}
