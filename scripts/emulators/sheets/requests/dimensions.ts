import type { SQLTagStore } from 'node:sqlite';
import { maskPaths, parseMask } from '../grid/fields.ts';
import { invalid } from '../grid/google-error.ts';
import { checkCellLimit, MAX_COLUMNS } from '../grid/limits.ts';
import { getUnprotected } from './protection.ts';
import type { DimensionRange } from '../schemas/shapes.ts';
import type { RequestOf } from '../schemas/requests.ts';
import { newColumns, saveSheet, type Sheet } from '../grid/sheet.ts';
import { guessed, seen } from '../grid/texts.ts';

/** Hides or shows columns (`hiddenByUser`); Google can hide rows, too, the emulator cannot. */
export function updateDimensionProperties(
  sql: SQLTagStore,
  spreadsheet: string,
  { range, properties, fields }: RequestOf<'updateDimensionProperties'>,
): void {
  if (fields === '') throw invalid(seen.noFields);
  const shape = { hiddenByUser: {} };
  if (maskPaths(parseMask(fields, shape), shape).size === 0) return;
  if (range.dimension === 'ROWS') throw invalid(guessed.notEmulated('Hiding rows'));
  const sheet = getUnprotected(sql, spreadsheet, range.sheetId);
  const [start, end] = bounds(range, sheet.columns.length);
  for (const column of sheet.columns.slice(start, end)) column.hidden = properties.hiddenByUser;
  if (sheet.columns.every(({ hidden }) => hidden)) throw invalid(guessed.hidesAllColumns);
  saveSheet(sql, sheet);
}

export function appendDimension(
  sql: SQLTagStore,
  spreadsheet: string,
  { sheetId, dimension, length }: RequestOf<'appendDimension'>,
): void {
  const sheet = getUnprotected(sql, spreadsheet, sheetId);
  if (dimension === 'ROWS') sheet.rowCount += length;
  else growColumns(sheet, sheet.columns.length, length);
  saveSheet(sql, sheet);
  checkCellLimit(sql, spreadsheet);
}

export function insertDimension(
  sql: SQLTagStore,
  spreadsheet: string,
  { range, inheritFromBefore }: RequestOf<'insertDimension'>,
): void {
  const sheet = getUnprotected(sql, spreadsheet, range.sheetId);
  const count = range.dimension === 'ROWS' ? sheet.rowCount : sheet.columns.length;
  const start = range.startIndex;
  const end = range.endIndex ?? start;
  if (start > count || (start === count && !inheritFromBefore))
    throw invalid(guessed.insertsAtEnd(start, count));
  if (end <= start) throw invalid(guessed.badRange(start, end, count));
  if (range.dimension === 'ROWS') {
    shiftRows(sql, sheet, start, end - start);
    sheet.rowCount += end - start;
    // A row put between frozen ones is frozen, too.
    if (start < sheet.frozenRows) sheet.frozenRows += end - start;
  } else {
    growColumns(sheet, start, end - start);
  }
  saveSheet(sql, sheet);
  checkCellLimit(sql, spreadsheet);
}

export function deleteDimension(
  sql: SQLTagStore,
  spreadsheet: string,
  { range }: RequestOf<'deleteDimension'>,
): void {
  const sheet = getUnprotected(sql, spreadsheet, range.sheetId);
  const rows = range.dimension === 'ROWS';
  const count = rows ? sheet.rowCount : sheet.columns.length;
  const beyond = Math.max(range.startIndex, (range.endIndex ?? count) - 1);
  if (beyond >= count)
    throw invalid(rows ? seen.noSuchRow(beyond, count) : guessed.noSuchColumn(beyond, count));
  const [start, end] = bounds(range, count);
  if (end - start === count) throw invalid(rows ? seen.deletesAllRows : guessed.deletesAllColumns);
  if (rows) {
    const frozen = Math.max(0, Math.min(end, sheet.frozenRows) - start);
    if (sheet.frozenRows - frozen >= count - (end - start) && sheet.frozenRows > 0) {
      throw invalid(seen.deletesAllUnfrozen);
    }
    removeRows(sql, sheet, start, end);
    sheet.rowCount -= end - start;
    sheet.frozenRows -= frozen;
  } else {
    removeColumns(sql, sheet, start, end);
  }
  saveSheet(sql, sheet);
}

/** `destinationIndex` is where the moved ones go in terms of the grid before the move. */
export function moveDimension(
  sql: SQLTagStore,
  spreadsheet: string,
  { source, destinationIndex: target }: RequestOf<'moveDimension'>,
): void {
  const sheet = getUnprotected(sql, spreadsheet, source.sheetId);
  const count = source.dimension === 'ROWS' ? sheet.rowCount : sheet.columns.length;
  const [start, end] = bounds(source, count);
  if (target > count) throw invalid(guessed.badRange(target, target, count));
  if (target >= start && target <= end) return;
  if (source.dimension === 'ROWS') {
    moveRows(sql, sheet, { start, end, target });
  } else {
    const moved = sheet.columns.splice(start, end - start);
    sheet.columns.splice(target > start ? target - moved.length : target, 0, ...moved);
    saveSheet(sql, sheet);
  }
}

/** Takes rows out and moves up those below; the caller settles the count. */
export function removeRows(sql: SQLTagStore, sheet: Sheet, start: number, end: number): void {
  sql.run`DELETE FROM rows WHERE sheet = ${sheet.key} AND row >= ${start} AND row < ${end}`;
  shiftRows(sql, sheet, end, start - end);
}

/** Takes columns out of the sheet, with their cells and the metadata bound to them; the caller saves the sheet. */
export function removeColumns(sql: SQLTagStore, sheet: Sheet, start: number, end: number): void {
  for (const { id } of sheet.columns.splice(start, end - start)) {
    const path = `$."${id}"`;
    sql.run`UPDATE rows SET cells = json_remove(cells, ${path})
      WHERE sheet = ${sheet.key} AND json_type(cells, ${path}) IS NOT NULL`;
    sql.run`DELETE FROM metadata WHERE sheet = ${sheet.key} AND col = ${id}`;
  }
  sql.run`DELETE FROM rows WHERE sheet = ${sheet.key} AND cells = '{}'`;
}

function growColumns(sheet: Sheet, at: number, count: number): void {
  if (sheet.columns.length + count > MAX_COLUMNS) throw invalid(guessed.columnLimit(MAX_COLUMNS));
  sheet.columns.splice(at, 0, ...newColumns(sheet, count));
}

// Rows are renumbered by way of negative numbers: the primary key is checked after each row, not at the end.
function shiftRows(sql: SQLTagStore, sheet: Sheet, from: number, by: number): void {
  sql.run`UPDATE rows SET row = -1 - (row + ${by}) WHERE sheet = ${sheet.key} AND row >= ${from}`;
  sql.run`UPDATE rows SET row = -1 - row WHERE sheet = ${sheet.key} AND row < 0`;
}

function moveRows(
  sql: SQLTagStore,
  sheet: Sheet,
  { start, end, target }: { start: number; end: number; target: number },
): void {
  const down = target > end;
  const moved = down ? target - end : target - start;
  const pushed = down ? start - end : end - start;
  const [first, last] = down ? [start, target] : [target, end];
  sql.run`UPDATE rows
    SET row = -1 - (row + CASE WHEN row >= ${start} AND row < ${end} THEN ${moved} ELSE ${pushed} END)
    WHERE sheet = ${sheet.key} AND row >= ${first} AND row < ${last}`;
  sql.run`UPDATE rows SET row = -1 - row WHERE sheet = ${sheet.key} AND row < 0`;
}

/** The range as `[start, end)`; a missing end is the last one. @throws GoogleError 400 for what is not in the grid */
export function bounds(range: DimensionRange, count: number): [start: number, end: number] {
  const end = range.endIndex ?? count;
  if (range.startIndex >= end || end > count) throw invalid(guessed.badRange(range.startIndex, end, count));
  return [range.startIndex, end];
}
