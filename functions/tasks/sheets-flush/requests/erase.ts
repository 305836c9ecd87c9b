import { idColumn } from '../../../lib/sheets/keys.ts';
import type { TabLayout } from '../../../lib/sheets/layout.ts';
import type { SheetRequest } from '../../../lib/sheets/sheets.ts';
import { stillThere } from './bindings.ts';
import { columnAt } from './metadata.ts';

/** A row of a tab by its index from 0, where its id was seen. */
export interface FoundRow {
  tab: TabLayout;
  rowId: string;
  row: number;
}

/**
 * The requests that delete rows, each only if its id still stands where it was seen: a row with the same id is inserted above it, and
 * Google deletes its duplicate below. Whatever else has come to that place stays. Then the inserted row is deleted; an empty row may remain,
 * because Google does not document whether it deletes or empties a duplicate.
 */
export function eraseRequests(found: FoundRow[]): SheetRequest[] {
  const requests: SheetRequest[] = [];
  for (const [tab, rows] of Map.groupBy(found, (one) => one.tab)) {
    const { sheetId, columnCount } = tab;
    const column = tab.columns.get(idColumn) ?? 0;
    requests.push(...stillThere(tab, [idColumn]));
    // From below, so that the rows above stay where they are.
    for (const { row, rowId } of rows.toSorted((a, b) => b.row - a.row)) {
      const range = { sheetId, dimension: 'ROWS', startIndex: row, endIndex: row + 1 };
      const rowsOfId = [{ values: [{ userEnteredValue: { stringValue: rowId } }] }];
      const start = { sheetId, rowIndex: row, columnIndex: column };
      const both = {
        sheetId,
        startRowIndex: row,
        endRowIndex: row + 2,
        startColumnIndex: 0,
        endColumnIndex: columnCount,
      };
      requests.push(
        { insertDimension: { range, inheritFromBefore: false } },
        { updateCells: { start, rows: rowsOfId, fields: 'userEnteredValue' } },
        { deleteDuplicates: { range: both, comparisonColumns: [columnAt(sheetId, column).dimensionRange] } },
        { deleteDimension: { range } },
      );
    }
  }
  return requests;
}
