import type { SQLTagStore } from 'node:sqlite';
import { type Cells, formatted, readRow, writeRow } from '../grid/cells.ts';
import { areaOf } from './edit-cells.ts';
import { invalid } from '../grid/google-error.ts';
import { getUnprotected } from './protection.ts';
import type { RequestOf } from '../schemas/requests.ts';
import { guessed } from '../grid/texts.ts';

/**
 * Deletes the rows of a range that have the same in the columns compared (by default all) as one above in the range; letter cases are not
 * told apart. Those below in the range move up, and the rows at its end become empty: the grid and the cells next to the range stay.
 */
export function deleteDuplicates(
  sql: SQLTagStore,
  spreadsheet: string,
  { range, comparisonColumns }: RequestOf<'deleteDuplicates'>,
): { duplicatesRemovedCount: number } {
  const sheet = getUnprotected(sql, spreadsheet, range.sheetId);
  const area = areaOf(sheet, range);
  const inRange = sheet.columns.slice(area.startColumn, area.endColumn);
  const compared =
    comparisonColumns.length === 0
      ? inRange
      : comparisonColumns.flatMap(({ dimension, startIndex, endIndex }) => {
          const end = endIndex ?? sheet.columns.length;
          if (dimension !== 'COLUMNS' || startIndex < area.startColumn || end > area.endColumn)
            throw invalid(guessed.badRange(startIndex, end, sheet.columns.length));
          return sheet.columns.slice(startIndex, end);
        });
  const seen = new Set<string>();
  const kept: Cells[] = [];
  for (let row = area.startRow; row < area.endRow; row += 1) {
    const cells = readRow(sql, sheet, row);
    const key = JSON.stringify(compared.map(({ id }) => formatted(cells[id]).toLowerCase()));
    if (seen.has(key)) continue;
    seen.add(key);
    kept.push(
      Object.fromEntries(inRange.flatMap(({ id }) => (cells[id] === undefined ? [] : [[id, cells[id]]]))),
    );
  }
  const ids = new Set(inRange.map(({ id }) => String(id)));
  for (let row = area.startRow; row < area.endRow; row += 1) {
    const beside = Object.entries(readRow(sql, sheet, row)).filter(([id]) => !ids.has(id));
    writeRow(sql, sheet, row, { ...Object.fromEntries(beside), ...kept[row - area.startRow] });
  }
  return { duplicatesRemovedCount: area.endRow - area.startRow - kept.length };
}
