import { randomBytes } from 'node:crypto';
import type { SQLTagStore } from 'node:sqlite';
import { type Area, parseRange } from './grid/a1.ts';
import { type Cell, formatted, readRows, usedRows } from './grid/cells.ts';
import { type DeveloperMetadata, listMetadata } from './requests/developer-metadata.ts';
import { asksFor, type Mask, type Shape } from './grid/fields.ts';
import { CreateSpreadsheet } from './schemas/requests.ts';
import { parseBody } from './schemas/parse-body.ts';
import { getSpreadsheet, listSheets, type Sheet } from './grid/sheet.ts';
import type { Store } from './grid/store.ts';
import { addSheet, sheetProperties } from './requests/tabs.ts';

export const METADATA_SHAPE: Shape = {
  metadataId: {},
  metadataKey: {},
  metadataValue: {},
  location: {
    locationType: {},
    spreadsheet: {},
    sheetId: {},
    dimensionRange: { sheetId: {}, dimension: {}, startIndex: {}, endIndex: {} },
  },
  visibility: {},
};

const PROPERTIES_SHAPE: Shape = {
  sheetId: {},
  title: {},
  index: {},
  hidden: {},
  sheetType: {},
  gridProperties: { rowCount: {}, columnCount: {}, frozenRowCount: {} },
};

/** What of Google's `Spreadsheet` there is here; a mask that asks for more is refused. */
export const SPREADSHEET_SHAPE: Shape = {
  spreadsheetId: {},
  properties: { title: {}, locale: {}, timeZone: {} },
  developerMetadata: METADATA_SHAPE,
  sheets: {
    properties: PROPERTIES_SHAPE,
    developerMetadata: METADATA_SHAPE,
    data: {
      startRow: {},
      startColumn: {},
      rowData: {
        values: {
          userEnteredValue: { stringValue: {}, numberValue: {}, boolValue: {}, formulaValue: {} },
          formattedValue: {},
        },
      },
      columnMetadata: { hiddenByUser: {}, developerMetadata: METADATA_SHAPE },
    },
  },
};

export const BATCH_SHAPE: Shape = {
  spreadsheetId: {},
  replies: {
    addSheet: { properties: PROPERTIES_SHAPE },
    duplicateSheet: { properties: PROPERTIES_SHAPE },
    createDeveloperMetadata: { developerMetadata: METADATA_SHAPE },
    deleteDeveloperMetadata: { deletedDeveloperMetadata: METADATA_SHAPE },
  },
};

interface Wanted {
  mask: Mask;
  /** A1 ranges; with any, only their sheets and of these only what lies in the ranges. */
  ranges: string[];
  gridData: boolean;
}

/** The spreadsheet as `spreadsheets.get` returns it; cells are read only when they are asked for. */
export function readSpreadsheet(sql: SQLTagStore, id: string, { mask, ranges, gridData }: Wanted): object {
  const { title } = getSpreadsheet(sql, id);
  const sheets = listSheets(sql, id);
  const metadata = listMetadata(sql, id);
  const areas = ranges.map((range) => parseRange(range, sheets));
  const shown = sheets.filter((sheet) => areas.length === 0 || areas.some((one) => one.sheet === sheet));
  return {
    spreadsheetId: id,
    properties: { title, locale: 'en_US', timeZone: 'Etc/GMT' },
    sheets: shown.map((sheet) => ({
      properties: sheetProperties(sheet, sheets.indexOf(sheet)),
      ...listed(
        metadata.filter(({ location }) => 'sheetId' in location && location.sheetId === sheet.sheetId),
      ),
      ...(gridData && { data: gridsOf(sheet) }),
    })),
    ...listed(metadata.filter(({ location }) => location.locationType === 'SPREADSHEET')),
  };

  function gridsOf(sheet: Sheet): object[] {
    const whole = { startRow: 0, endRow: sheet.rowCount, startColumn: 0, endColumn: sheet.columns.length };
    const own = areas.filter((one) => one.sheet === sheet).map(({ area }) => area);
    const withRows = asksFor(mask, 'sheets', 'data', 'rowData');
    return (own.length > 0 ? own : [whole]).map((area) => grid(sql, sheet, area, metadata, withRows));
  }
}

/** Makes a spreadsheet with the sheets of the body, or with one as Google does. */
export function createSpreadsheet(
  store: Store,
  body: unknown,
  id = randomBytes(33).toString('base64url'),
): string {
  const { properties, sheets } = parseBody(CreateSpreadsheet, body);
  const title = properties.title || 'Untitled spreadsheet';
  store.transaction(() => {
    store.sql.run`INSERT INTO spreadsheets (id, title) VALUES (${id}, ${title})`;
    for (const { properties } of sheets.length > 0 ? sheets : [{ properties: {} }]) {
      addSheet(store.sql, id, properties);
    }
  });
  return id;
}

function grid(
  sql: SQLTagStore,
  sheet: Sheet,
  { startRow, endRow, startColumn, endColumn }: Area,
  metadata: DeveloperMetadata[],
  withRows: boolean,
): object {
  const columns = sheet.columns.slice(startColumn, endColumn);
  const columnMetadata = columns.map(({ hidden }, offset) => ({
    ...(hidden && { hiddenByUser: true }),
    ...listed(
      metadata.filter(
        ({ location }) =>
          'dimensionRange' in location &&
          location.dimensionRange.sheetId === sheet.sheetId &&
          location.dimensionRange.startIndex === startColumn + offset,
      ),
    ),
  }));
  const rowData: object[] = [];
  if (withRows) {
    const used = Math.min(endRow, usedRows(sql, sheet));
    for (let row = startRow; row < used; row++) rowData.push({});
    for (const { row, cells } of readRows(sql, sheet, startRow, endRow)) {
      rowData[row - startRow] = { values: columns.map(({ id }) => cellData(cells[id])) };
    }
  }
  return {
    ...(startRow > 0 && { startRow }),
    ...(startColumn > 0 && { startColumn }),
    ...(rowData.length > 0 && { rowData }),
    columnMetadata,
  };
}

function cellData(cell: Cell | undefined): object {
  if (cell === undefined) return {};
  return { userEnteredValue: entered(cell), formattedValue: formatted(cell) };
}

function entered(cell: Cell): object {
  if (typeof cell === 'string') return { stringValue: cell };
  if (typeof cell === 'number') return { numberValue: cell };
  if (typeof cell === 'boolean') return { boolValue: cell };
  return 'formula' in cell ? { formulaValue: cell.formula } : { numberValue: cell.number };
}

function listed(developerMetadata: DeveloperMetadata[]): object {
  return developerMetadata.length > 0 ? { developerMetadata } : {};
}
