import type { SheetColumns } from '../../../lib/form-schema/sheet-columns.ts';
import { idColumn, metadataKeys } from '../../../lib/sheets/keys.ts';
import type { TabLayout } from '../../../lib/sheets/layout.ts';
import type { SheetRequest } from '../../../lib/sheets/sheets.ts';
import { columnAt, metadata } from './metadata.ts';

/*
 * How tabs and columns are bound to what they hold, whatever people call them and wherever they move them: by developer metadata.
 */

export interface Headings {
  keys: string[];
  titles: SheetColumns;
}

/**
 * Requests that make Google refuse the batch when somebody has moved or deleted a column since the layout was read. A binding is deleted at
 * the place where it was, and made again with the same id: elsewhere it is not deleted, and an id cannot be given twice. When a column was
 * deleted, its id is free; but then the tab has lost its last column, to which something is bound for a moment.
 */
export function stillThere(layout: TabLayout, keys: string[]): SheetRequest[] {
  const last = columnAt(layout.sheetId, layout.columnCount - 1);
  const developerMetadataLookup = { metadataKey: metadataKeys.last };
  return [
    metadata(metadataKeys.last, '-', last),
    { deleteDeveloperMetadata: { dataFilter: { developerMetadataLookup } } },
    ...keys.flatMap((key) => bindAgain(layout, key)),
  ];
}

function bindAgain({ sheetId, columns, bindings }: TabLayout, key: string): SheetRequest[] {
  const metadataId = bindings.get(key);
  const index = columns.get(key);
  if (metadataId === undefined || index === undefined) return [];
  const metadataLocation = columnAt(sheetId, index);
  const developerMetadataLookup = {
    metadataId,
    metadataLocation,
    locationMatchingStrategy: 'EXACT_LOCATION',
  };
  return [
    { deleteDeveloperMetadata: { dataFilter: { developerMetadataLookup } } },
    metadata(metadataKeys.column, key, metadataLocation, { metadataId }),
  ];
}

/** A copy that a person makes of the tab has the same metadata but another id. */
export function bindTab(sheetId: number, tab: string): SheetRequest[] {
  return [
    metadata(metadataKeys.tab, tab, { sheetId }),
    metadata(metadataKeys.sheet, String(sheetId), { sheetId }),
  ];
}

/** Column headings, the binding of each column to its key, and the column of ids hidden. */
export function bindColumns(sheetId: number, { keys, titles }: Headings, first: number): SheetRequest[] {
  const requests = keys.map((key, i) => metadata(metadataKeys.column, key, columnAt(sheetId, first + i)));
  const headings = keys.map((key) => ({
    userEnteredValue: { stringValue: titles[key]?.title ?? key.replace(/^@/, '') },
  }));
  const start = { sheetId, rowIndex: 0, columnIndex: first };
  requests.push({ updateCells: { start, rows: [{ values: headings }], fields: 'userEnteredValue' } });
  const id = keys.indexOf(idColumn);
  if (id >= 0) {
    const { dimensionRange: range } = columnAt(sheetId, first + id);
    requests.push({
      updateDimensionProperties: { range, properties: { hiddenByUser: true }, fields: 'hiddenByUser' },
    });
  }
  return requests;
}
