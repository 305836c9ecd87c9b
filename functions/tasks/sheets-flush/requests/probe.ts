import type { Batch } from '../../../lib/buffer/types.ts';
import type { TabLayout } from '../../../lib/sheets/layout.ts';
import { cellOf } from '../../../lib/sheets/sheet-cells.ts';
import type { SheetRequest } from '../../../lib/sheets/sheets.ts';
import { appendRequest } from './append.ts';
import { noColumns, readyTabs, type ColumnsOf } from './tabs.ts';

/**
 * The requests that do to the tabs of a batch what the batch does, with a row of short texts that does not stay. Google refuses them where
 * the tabs themselves are at fault.
 */
export function probeRequests(
  { rows }: Pick<Batch, 'rows'>,
  layout: TabLayout[],
  columnsOf: ColumnsOf = noColumns,
): SheetRequest[] {
  return readyTabs(rows, layout, columnsOf).flatMap(({ sheetId, columns, prepare, cells, rowCount }) => {
    const row = Object.fromEntries(cells.flatMap((one) => Object.keys(one)).map((key) => [key, '-']));
    if (rowCount === undefined)
      return [...prepare, appendRequest(sheetId, columns, [row], {}), { deleteSheet: { sheetId } }];
    const start = { sheetId, rowIndex: rowCount, columnIndex: 0 };
    const range = { sheetId, dimension: 'ROWS', startIndex: rowCount, endIndex: rowCount + 1 };
    return [
      ...prepare,
      // Inserted, so that it is a row of its own whatever has been added meanwhile.
      { insertDimension: { range, inheritFromBefore: true } },
      ...Object.keys(row).map((key) => ({
        updateCells: {
          start: { ...start, columnIndex: columns.get(key) ?? 0 },
          rows: [{ values: [cellOf('-', 'text')] }],
          fields: 'userEnteredValue',
        },
      })),
      { deleteDimension: { range } },
    ];
  });
}
