import type { Cells } from '../../../lib/buffer/types.ts';
import type { SheetColumns } from '../../../lib/form-schema/sheet-columns.ts';
import { timeColumn } from '../../../lib/sheets/keys.ts';
import { cellOf, type SheetCell } from '../../../lib/sheets/sheet-cells.ts';
import type { SheetRequest } from '../../../lib/sheets/sheets.ts';

/** Appends rows to a tab, each value below its column's heading. */
export function appendRequest(
  sheetId: number,
  columns: Map<string, number>,
  rows: Cells[],
  fields: SheetColumns,
): SheetRequest {
  const keys = new Set(rows.flatMap((row) => Object.keys(row)));
  const width = Math.max(...[...keys].map((key) => columns.get(key) ?? 0)) + 1;
  const filled = rows.map((row) => {
    const values: (SheetCell | Record<string, never>)[] = Array.from({ length: width }, () => ({}));
    for (const [key, value] of Object.entries(row)) {
      const index = columns.get(key);
      const kind = key === timeColumn ? 'time' : (fields[key]?.kind ?? 'text');
      if (index !== undefined && value !== '') values[index] = cellOf(value, kind);
    }
    return { values };
  });
  return {
    appendCells: { sheetId, rows: filled, fields: 'userEnteredValue,userEnteredFormat.numberFormat' },
  };
}
