import type { SQLTagStore } from 'node:sqlite';
import type { Sheet } from './sheet.ts';

/** What was entered into a cell. A text that begins with `=` is a text; only `{formula}` is a formula. */
export type Cell = string | number | boolean | { formula: string } | { number: number; pattern: string };

/** The cells of a row by column id; an empty cell is absent. */
export type Cells = Record<number, Cell>;

export interface Row {
  /** From 0. */
  row: number;
  cells: Cells;
}

/** The rows `[start, end)` that have cells, in order. Rows are gone through in portions, so writing meanwhile is fine. */
export function* readRows(
  sql: SQLTagStore,
  sheet: Pick<Sheet, 'key'>,
  start = 0,
  end = Number.MAX_SAFE_INTEGER,
): Generator<Row> {
  const PORTION = 1000;
  let next = start;
  for (;;) {
    const records = sql.all`SELECT row, cells FROM rows
      WHERE sheet = ${sheet.key} AND row >= ${next} AND row < ${end} ORDER BY row LIMIT ${PORTION}`;
    for (const record of records) {
      next = Number(record['row']) + 1;
      yield { row: next - 1, cells: parseCells(record['cells']) };
    }
    if (records.length < PORTION) return;
  }
}

export function readRow(sql: SQLTagStore, sheet: Sheet, row: number): Cells {
  const record = sql.get`SELECT cells FROM rows WHERE sheet = ${sheet.key} AND row = ${row}`;
  return record ? parseCells(record['cells']) : {};
}

/** Replaces a row's cells. */
export function writeRow(sql: SQLTagStore, sheet: Sheet, row: number, cells: Cells): void {
  const text = JSON.stringify(cells);
  if (text === '{}') sql.run`DELETE FROM rows WHERE sheet = ${sheet.key} AND row = ${row}`;
  else sql.run`INSERT OR REPLACE INTO rows (sheet, row, cells) VALUES (${sheet.key}, ${row}, ${text})`;
}

/** How many rows reach down to the last one that has data. */
export function usedRows(sql: SQLTagStore, sheet: Sheet): number {
  const last = sql.get`SELECT max(row) AS last FROM rows WHERE sheet = ${sheet.key}`?.['last'];
  return typeof last === 'number' ? last + 1 : 0;
}

/** Rows with data, those of the frozen heading not counted. */
export function countRows(sql: SQLTagStore, sheet: Sheet): number {
  return Number(
    sql.get`SELECT count(*) AS n FROM rows WHERE sheet = ${sheet.key} AND row >= ${sheet.frozenRows}`?.['n'],
  );
}

/**
 * What a cell shows. Formulas are not calculated here: one is shown as such, so that a text that looks like a formula
 * and a formula can be told apart everywhere.
 */
export function formatted(cell: Cell | undefined): string {
  if (cell === undefined) return '';
  if (typeof cell === 'object') return 'formula' in cell ? `#FORMULA ${cell.formula}` : formattedNumber(cell);
  if (typeof cell === 'boolean') return cell ? 'TRUE' : 'FALSE';
  return String(cell);
}

/** The number patterns that are emulated: so many digits behind the point, and the moment of a date as ISO 8601 writes it. */
export const timePattern = 'yyyy-mm-dd"T"hh:mm:ss.000"Z"';
export const numberPattern = /^0(?:\.(0+))?$/;

function formattedNumber({ number, pattern }: { number: number; pattern: string }): string {
  // Days since 1899-12-30, and 25,569 of them until 1970.
  if (pattern === timePattern) return new Date(Math.round((number - 25_569) * 86_400_000)).toISOString();
  return number.toFixed(numberPattern.exec(pattern)?.[1]?.length ?? 0);
}

/** A cell's value without its format. */
export function valueOf(cell: Cell): string | number | boolean {
  if (typeof cell !== 'object') return cell;
  return 'formula' in cell ? cell.formula : cell.number;
}

// Written by writeRow only, hence not validated again: a tab of a million cells is read through here.
function parseCells(json: unknown): Cells {
  return JSON.parse(String(json));
}
