import type { SQLTagStore } from 'node:sqlite';
import { formatRange, parseRange } from './grid/a1.ts';
import { type Cell, formatted, readRows, valueOf } from './grid/cells.ts';
import { getSpreadsheet, listSheets } from './grid/sheet.ts';

export interface ValuesOptions {
  majorDimension: 'ROWS' | 'COLUMNS';
  valueRenderOption: 'FORMATTED_VALUE' | 'UNFORMATTED_VALUE' | 'FORMULA';
}

type Value = string | number | boolean;

/** The `ValueRange` of `spreadsheets.values.get`; empty cells and rows at the end are left out, as Google does. */
export function readValues(
  sql: SQLTagStore,
  spreadsheet: string,
  range: string,
  options: ValuesOptions,
): object {
  getSpreadsheet(sql, spreadsheet);
  const { sheet, area } = parseRange(range, listSheets(sql, spreadsheet));
  const columns = sheet.columns.slice(area.startColumn, area.endColumn);
  const lines: Value[][] = options.majorDimension === 'ROWS' ? [] : columns.map(() => []);
  for (const { row, cells } of readRows(sql, sheet, area.startRow, area.endRow)) {
    for (const [offset, { id }] of columns.entries()) {
      const cell = cells[id];
      if (cell === undefined) continue;
      const value = render(cell, options);
      if (options.majorDimension === 'ROWS') put(lines, row - area.startRow, offset, value);
      else put(lines, offset, row - area.startRow, value);
    }
  }
  while (lines.at(-1)?.length === 0) lines.pop();
  return {
    range: formatRange(sheet.title, area),
    majorDimension: options.majorDimension,
    ...(lines.length > 0 && { values: lines }),
  };
}

/** Sets `lines[line][index]`, with empty lines and texts before it where there are none yet. */
function put(lines: Value[][], line: number, index: number, value: Value): void {
  while (lines.length <= line) lines.push([]);
  const values = lines[line] ?? [];
  while (values.length < index) values.push('');
  values.push(value);
}

function render(cell: Cell, { valueRenderOption }: ValuesOptions): Value {
  if (valueRenderOption === 'FORMATTED_VALUE') return formatted(cell);
  if (typeof cell === 'object' && 'formula' in cell && valueRenderOption !== 'FORMULA')
    return formatted(cell);
  return valueOf(cell);
}
