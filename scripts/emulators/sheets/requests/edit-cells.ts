import type { SQLTagStore } from 'node:sqlite';
import type { Area } from '../grid/a1.ts';
import { type Cell, type Cells, readRow, readRows, usedRows, valueOf, writeRow } from '../grid/cells.ts';
import { parseMask } from '../grid/fields.ts';
import { invalid } from '../grid/google-error.ts';
import { checkCellLimit, MAX_CELL_LENGTH } from '../grid/limits.ts';
import { checkProtection, getUnprotected } from './protection.ts';
import type { GridRange } from '../schemas/shapes.ts';
import type { RequestOf } from '../schemas/requests.ts';
import { saveSheet, type Sheet } from '../grid/sheet.ts';
import { guessed, seen } from '../grid/texts.ts';

/** Writes below the last row that has data; the grid gets the rows that it lacks, never columns. */
export function appendCells(
  sql: SQLTagStore,
  spreadsheet: string,
  { sheetId, rows, fields }: RequestOf<'appendCells'>,
): void {
  checkFields(fields);
  const sheet = getUnprotected(sql, spreadsheet, sheetId);
  checkProtection(sql, sheet, sheet.columns.slice(0, widthOf(rows)));
  const first = usedRows(sql, sheet);
  if (first + rows.length > sheet.rowCount) {
    sheet.rowCount = first + rows.length;
    saveSheet(sql, sheet);
    checkCellLimit(sql, spreadsheet);
  }
  for (const [offset, values] of rows.entries()) {
    const cells: Cells = {};
    fill(sheet, cells, values, 0);
    writeRow(sql, sheet, first + offset, cells);
  }
}

/** Writes a block of cells from `start` on, or all of `range`: what the rows leave out of a range is emptied. */
export function updateCells(
  sql: SQLTagStore,
  spreadsheet: string,
  { start, range, rows, fields }: RequestOf<'updateCells'>,
): void {
  checkFields(fields);
  if (start && !range) {
    const sheet = getUnprotected(sql, spreadsheet, start.sheetId);
    const { rowIndex, columnIndex } = start;
    checkStart(sheet, rowIndex, columnIndex);
    checkProtection(sql, sheet, sheet.columns.slice(columnIndex, columnIndex + widthOf(rows)));
    const last = rowIndex + rows.length - 1;
    if (last >= sheet.rowCount) throw invalid(guessed.rowBeyond(last, sheet.rowCount - 1));
    for (const [offset, values] of rows.entries()) {
      const cells = readRow(sql, sheet, rowIndex + offset);
      fill(sheet, cells, values, columnIndex);
      writeRow(sql, sheet, rowIndex + offset, cells);
    }
  } else if (range && !start) {
    const sheet = getUnprotected(sql, spreadsheet, range.sheetId);
    const area = areaOf(sheet, range);
    checkProtection(sql, sheet, sheet.columns.slice(area.startColumn, area.endColumn));
    const last = area.startRow + rows.length - 1;
    if (last >= area.endRow) throw invalid(guessed.rowBeyond(last, area.endRow - 1));
    // Rows without a record have nothing to be emptied.
    const touched = new Set(Array.from(rows, (_, offset) => area.startRow + offset));
    for (const { row } of readRows(sql, sheet, area.startRow, area.endRow)) touched.add(row);
    for (const row of touched) {
      const cells = readRow(sql, sheet, row);
      for (const { id } of sheet.columns.slice(area.startColumn, area.endColumn)) delete cells[id];
      fill(sheet, cells, rows[row - area.startRow] ?? [], area.startColumn, area.endColumn);
      writeRow(sql, sheet, row, cells);
    }
  } else {
    throw invalid(guessed.startOrRange);
  }
}

/** Sorts the rows of a range by columns of it. Numbers come before texts before TRUE and FALSE, empty cells last. */
export function sortRange(
  sql: SQLTagStore,
  spreadsheet: string,
  { range, sortSpecs }: RequestOf<'sortRange'>,
): void {
  const sheet = getUnprotected(sql, spreadsheet, range.sheetId);
  const area = areaOf(sheet, range);
  const columns = sheet.columns.slice(area.startColumn, area.endColumn);
  const sorted: Cells[] = [];
  for (const { row, cells } of readRows(sql, sheet, area.startRow, area.endRow)) {
    const kept = { ...cells };
    const taken: Cells = {};
    for (const { id } of columns) {
      const cell = cells[id];
      if (cell === undefined) continue;
      taken[id] = cell;
      delete kept[id];
    }
    writeRow(sql, sheet, row, kept);
    if (Object.keys(taken).length > 0) sorted.push(taken);
  }
  const keys = sortSpecs.map(({ dimensionIndex, sortOrder }) => ({
    id: sheet.columns[dimensionIndex]?.id ?? -1,
    sign: sortOrder === 'DESCENDING' ? -1 : 1,
  }));
  sorted.sort((a, b) => {
    for (const { id, sign } of keys) {
      const order = compare(a[id], b[id], sign);
      if (order !== 0) return order;
    }
    return 0;
  });
  for (const [offset, cells] of sorted.entries()) {
    const row = area.startRow + offset;
    writeRow(sql, sheet, row, { ...readRow(sql, sheet, row), ...cells });
  }
}

function widthOf(rows: unknown[][]): number {
  return Math.max(0, ...rows.map(({ length }) => length));
}

function fill(
  sheet: Sheet,
  cells: Cells,
  values: (Cell | undefined)[],
  startColumn: number,
  endColumn = sheet.columns.length,
): void {
  for (const [offset, cell] of values.entries()) {
    const index = startColumn + offset;
    const column = sheet.columns[index];
    if (!column || index >= endColumn) throw invalid(seen.columnBeyond(index, endColumn - 1));
    if (cell === undefined) delete cells[column.id];
    else if (textOf(cell).length > MAX_CELL_LENGTH) throw invalid(seen.cellTooLong);
    else cells[column.id] = cell;
  }
}

function checkFields(fields: string): void {
  if (fields === '') throw invalid(seen.noFields);
  parseMask(fields, { userEnteredValue: {}, userEnteredFormat: { numberFormat: {} } });
}

function checkStart(sheet: Sheet, row: number, column: number): void {
  if (row >= sheet.rowCount) throw invalid(seen.afterLastRow(row, sheet.rowCount - 1));
  if (column >= sheet.columns.length)
    throw invalid(guessed.afterLastColumn(column, sheet.columns.length - 1));
}

export function areaOf(sheet: Sheet, range: GridRange): Area {
  const { startRowIndex, startColumnIndex } = range;
  checkStart(sheet, startRowIndex, startColumnIndex);
  const endRow = Math.min(range.endRowIndex ?? sheet.rowCount, sheet.rowCount);
  const endColumn = Math.min(range.endColumnIndex ?? sheet.columns.length, sheet.columns.length);
  if (endRow <= startRowIndex) throw invalid(guessed.badRange(startRowIndex, endRow, sheet.rowCount));
  if (endColumn <= startColumnIndex) {
    throw invalid(guessed.badRange(startColumnIndex, endColumn, sheet.columns.length));
  }
  return { startRow: startRowIndex, endRow, startColumn: startColumnIndex, endColumn };
}

const collator = new Intl.Collator('en', { sensitivity: 'accent' });

function compare(a: Cell | undefined, b: Cell | undefined, sign: number): number {
  if (a === undefined || b === undefined) return Number(a === undefined) - Number(b === undefined);
  if (rank(a) !== rank(b)) return sign * (rank(a) - rank(b));
  if (rank(a) === 1) return sign * collator.compare(textOf(a), textOf(b));
  return sign * (Number(valueOf(a)) - Number(valueOf(b)));
}

function rank(cell: Cell): number {
  const value = valueOf(cell);
  return typeof value === 'number' ? 0 : typeof value === 'boolean' ? 2 : 1;
}

function textOf(cell: Cell): string {
  return String(valueOf(cell));
}
