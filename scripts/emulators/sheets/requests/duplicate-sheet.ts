import type { SQLTagStore } from 'node:sqlite';
import { copyMetadata } from './developer-metadata.ts';
import type { RequestOf } from '../schemas/requests.ts';
import { getSheet, listSheets, saveSheet, type Sheet } from '../grid/sheet.ts';
import { addSheet } from './tabs.ts';

/**
 * Copies a sheet with its cells. NOT seen on the real service: that developer metadata is copied along, with ids of its own.
 * https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets/request#DuplicateSheetRequest
 */
export function duplicateSheet(
  sql: SQLTagStore,
  spreadsheet: string,
  { sourceSheetId, insertSheetIndex, newSheetId, newSheetName }: RequestOf<'duplicateSheet'>,
): { properties: object } {
  const source = getSheet(sql, spreadsheet, sourceSheetId);
  const title = newSheetName ?? freshTitle(`Copy of ${source.title}`, listSheets(sql, spreadsheet));
  const gridProperties = {
    rowCount: source.rowCount,
    columnCount: source.columns.length,
    frozenRowCount: source.frozenRows,
  };
  const sheetId = newSheetId ?? undefined;
  const added = addSheet(sql, spreadsheet, {
    title,
    index: insertSheetIndex,
    ...(sheetId === undefined ? {} : { sheetId }),
    gridProperties,
  });
  const copy = listSheets(sql, spreadsheet).find((sheet) => sheet.title === title);
  if (!copy) throw new Error(`The copy ${title} is not there.`);
  saveSheet(sql, { ...copy, columns: source.columns, nextColumn: source.nextColumn });
  sql.run`INSERT INTO rows (sheet, row, cells) SELECT ${copy.key}, row, cells FROM rows WHERE sheet = ${source.key}`;
  copyMetadata(sql, spreadsheet, source, copy);
  return added;
}

function freshTitle(wanted: string, sheets: Sheet[]): string {
  const isTaken = (title: string) => sheets.some((sheet) => sheet.title === title);
  let title = wanted;
  for (let n = 2; isTaken(title); n += 1) title = `${wanted} ${n}`;
  return title;
}
