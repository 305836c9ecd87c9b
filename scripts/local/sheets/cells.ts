import type { SQLTagStore } from 'node:sqlite';
import type { Sheet } from './sheet.ts';

/** What somebody entered into a cell. A text that begins with `=` is a text; only `{formula}` is a formula. */
export type Cell = string | number | boolean | { formula: string };

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
  if (typeof cell === 'object') return `#FORMULA ${cell.formula}`;
  if (typeof cell === 'boolean') return cell ? 'TRUE' : 'FALSE';
  return String(cell);
}

// Written by writeRow only, hence not validated again: a tab of a million cells is read through here.
function parseCells(json: unknown): Cells {
  return JSON.parse(String(json));
}
