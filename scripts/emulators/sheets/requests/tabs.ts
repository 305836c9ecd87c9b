import { randomInt } from 'node:crypto';
import type { SQLTagStore } from 'node:sqlite';
import { removeColumns, removeRows } from './dimensions.ts';
import { asksFor, maskPaths, parseMask } from '../grid/fields.ts';
import { invalid } from '../grid/google-error.ts';
import { checkCellLimit, MAX_COLUMNS, MAX_SHEETS } from '../grid/limits.ts';
import type { RequestOf } from '../schemas/requests.ts';
import { getSheet, listSheets, newColumns, saveSheet, type Sheet } from '../grid/sheet.ts';
import { guessed, seen } from '../grid/texts.ts';

type Properties = RequestOf<'addSheet'>['properties'];

const UPDATABLE = {
  title: {},
  index: {},
  hidden: {},
  gridProperties: { rowCount: {}, columnCount: {}, frozenRowCount: {} },
};

/** Makes a sheet: 1000 × 26 at the end unless the request says otherwise, as Google does. */
export function addSheet(
  sql: SQLTagStore,
  spreadsheet: string,
  properties: Properties,
): { properties: object } {
  const sheets = listSheets(sql, spreadsheet);
  if (sheets.length >= MAX_SHEETS) throw invalid(guessed.sheetLimit(MAX_SHEETS));
  const sheetId = properties.sheetId ?? freshSheetId(sheets);
  if (sheets.some((sheet) => sheet.sheetId === sheetId)) throw invalid(guessed.sheetIdTaken(sheetId));
  const title = properties.title ?? freshTitle(sheets);
  checkTitle(title, sheets);

  const grid = properties.gridProperties;
  // Zero means unset: Google was seen to make 1000 × 26 of 0 × 0.
  const rowCount = grid?.rowCount || 1000;
  const columnCount = grid?.columnCount || 26;
  const frozenRows = grid?.frozenRowCount ?? 0;
  if (columnCount > MAX_COLUMNS) throw invalid(guessed.columnLimit(MAX_COLUMNS));
  if (frozenRows >= rowCount) throw invalid(seen.freezesAllRows);

  const columns = JSON.stringify(newColumns({ nextColumn: 0 }, columnCount));
  sql.run`INSERT INTO sheets
    (spreadsheet, sheet_id, title, position, hidden, row_count, frozen_rows, columns, next_column)
    VALUES (${spreadsheet}, ${sheetId}, ${title}, ${sheets.length}, ${Number(properties.hidden ?? false)},
      ${rowCount}, ${frozenRows}, ${columns}, ${columnCount})`;
  moveSheet(sql, getSheet(sql, spreadsheet, sheetId), properties.index ?? sheets.length);
  checkCellLimit(sql, spreadsheet);
  const sheet = getSheet(sql, spreadsheet, sheetId);
  const index = listSheets(sql, spreadsheet).findIndex((one) => one.sheetId === sheetId);
  return { properties: sheetProperties(sheet, index) };
}

export function deleteSheet(
  sql: SQLTagStore,
  spreadsheet: string,
  { sheetId }: RequestOf<'deleteSheet'>,
): void {
  const sheet = getSheet(sql, spreadsheet, sheetId);
  const others = listSheets(sql, spreadsheet).filter((one) => one.key !== sheet.key);
  if (!others.some(({ hidden }) => !hidden)) throw invalid(seen.lastSheet);
  sql.run`DELETE FROM sheets WHERE key = ${sheet.key}`;
}

export function updateSheetProperties(
  sql: SQLTagStore,
  spreadsheet: string,
  { properties, fields }: RequestOf<'updateSheetProperties'>,
): void {
  if (fields === '') throw invalid(seen.noFields);
  const sheet = getSheet(sql, spreadsheet, properties.sheetId ?? 0);
  const mask = parseMask(fields, UPDATABLE);
  const asked = maskPaths(mask, UPDATABLE);
  const others = listSheets(sql, spreadsheet).filter((one) => one.key !== sheet.key);

  if (asked.has('title')) {
    const title = properties.title ?? '';
    checkTitle(title, others);
    sheet.title = title;
  }
  if (asked.has('hidden')) {
    sheet.hidden = properties.hidden ?? false;
    if (sheet.hidden && !others.some(({ hidden }) => !hidden)) throw invalid(guessed.hidesAllSheets);
  }
  // A number that is asked for and not given is 0: naming gridProperties as a whole sets all of them.
  const grid = properties.gridProperties;
  if (asked.has('gridProperties.rowCount'))
    resizeRows(sql, sheet, grid?.rowCount ?? 0, asked, grid?.frozenRowCount);
  if (asked.has('gridProperties.columnCount')) resizeColumns(sql, sheet, grid?.columnCount ?? 0);
  if (asked.has('gridProperties.frozenRowCount')) sheet.frozenRows = grid?.frozenRowCount ?? 0;
  if (sheet.frozenRows > 0 && sheet.frozenRows >= sheet.rowCount) throw invalid(seen.freezesAllRows);
  saveSheet(sql, sheet);
  if (asksFor(mask, 'index')) moveSheet(sql, sheet, properties.index ?? 0);
  checkCellLimit(sql, spreadsheet);
}

/** `SheetProperties` as Google returns them; what is not set is not there. */
export function sheetProperties(sheet: Sheet, index: number): object {
  const { sheetId, title, hidden, rowCount, columns, frozenRows } = sheet;
  const gridProperties = {
    rowCount,
    columnCount: columns.length,
    ...(frozenRows > 0 && { frozenRowCount: frozenRows }),
  };
  return { sheetId, title, index, sheetType: 'GRID', ...(hidden && { hidden }), gridProperties };
}

function resizeRows(
  sql: SQLTagStore,
  sheet: Sheet,
  count: number,
  asked: Set<string>,
  frozen: number | null | undefined,
): void {
  if (count === 0) throw invalid(seen.deletesAllRows);
  const stayFrozen = asked.has('gridProperties.frozenRowCount') ? (frozen ?? 0) : sheet.frozenRows;
  if (count < sheet.rowCount && count <= stayFrozen) throw invalid(seen.deletesAllUnfrozen);
  if (count < sheet.rowCount) removeRows(sql, sheet, count, sheet.rowCount);
  sheet.rowCount = count;
}

function resizeColumns(sql: SQLTagStore, sheet: Sheet, count: number): void {
  if (count === 0) throw invalid(guessed.deletesAllColumns);
  if (count > MAX_COLUMNS) throw invalid(guessed.columnLimit(MAX_COLUMNS));
  if (count < sheet.columns.length) removeColumns(sql, sheet, count, sheet.columns.length);
  else sheet.columns.push(...newColumns(sheet, count - sheet.columns.length));
}

/** Moves a sheet before the sheet that is at the index now. */
function moveSheet(sql: SQLTagStore, sheet: Sheet, index: number): void {
  const keys = listSheets(sql, sheet.spreadsheet).map(({ key }) => key);
  const from = keys.indexOf(sheet.key);
  keys.splice(from, 1);
  keys.splice(index > from ? index - 1 : index, 0, sheet.key);
  for (const [position, key] of keys.entries())
    sql.run`UPDATE sheets SET position = ${position} WHERE key = ${key}`;
}

function checkTitle(title: string, others: Sheet[]): void {
  if (title === '') throw invalid(guessed.noTitle);
  if (title.length > 100) throw invalid(seen.titleTooLong);
  const same = (other: Sheet) => other.title.toLowerCase() === title.toLowerCase();
  if (others.some(same)) throw invalid(seen.titleTaken(title));
}

function freshTitle(sheets: Sheet[]): string {
  let number = sheets.length + 1;
  while (sheets.some(({ title }) => title === `Sheet${number}`)) number++;
  return `Sheet${number}`;
}

function freshSheetId(sheets: Sheet[]): number {
  // The first sheet of a Google spreadsheet has the id 0.
  if (sheets.length === 0) return 0;
  const id = randomInt(1, 2 ** 31);
  return sheets.some(({ sheetId }) => sheetId === id) ? freshSheetId(sheets) : id;
}
