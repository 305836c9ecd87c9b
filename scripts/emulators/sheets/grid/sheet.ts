import type { SQLTagStore } from 'node:sqlite';
import * as v from 'valibot';
import { GoogleError, invalid, notFound } from './google-error.ts';
import { seen } from './texts.ts';

/** A column of a grid: its place is its index in `Sheet.columns`, its id stays when it is moved. */
export interface Column {
  id: number;
  hidden?: boolean | undefined;
}

/** A tab. `key` is ours and unique over all spreadsheets, `sheetId` is Google's and unique in its spreadsheet. */
export type Sheet = v.InferOutput<typeof SheetRecord>;

const flag = v.pipe(
  v.number(),
  v.transform((value) => value === 1),
);

const SheetRecord = v.pipe(
  v.object({
    key: v.number(),
    spreadsheet: v.string(),
    sheet_id: v.number(),
    title: v.string(),
    hidden: flag,
    row_count: v.number(),
    frozen_rows: v.number(),
    columns: v.pipe(
      v.string(),
      v.parseJson(),
      v.array(v.object({ id: v.number(), hidden: v.optional(v.boolean()) })),
    ),
    next_column: v.number(),
  }),
  v.transform(({ sheet_id, row_count, frozen_rows, next_column, ...same }) => ({
    ...same,
    sheetId: sheet_id,
    rowCount: row_count,
    frozenRows: frozen_rows,
    nextColumn: next_column,
  })),
);

const SpreadsheetRecord = v.object({ id: v.string(), title: v.string(), revoked: flag });

/** @throws GoogleError 404 when there is none, 403 when access to it was revoked */
export function getSpreadsheet(sql: SQLTagStore, id: string): { id: string; title: string } {
  const record = sql.get`SELECT * FROM spreadsheets WHERE id = ${id}`;
  if (!record) throw notFound();
  const { revoked, ...spreadsheet } = v.parse(SpreadsheetRecord, record);
  if (revoked) throw new GoogleError(403, 'PERMISSION_DENIED', seen.denied);
  return spreadsheet;
}

export function listSpreadsheets(sql: SQLTagStore): { id: string; title: string }[] {
  return sql.all`SELECT * FROM spreadsheets ORDER BY rowid`.map((record) =>
    v.parse(SpreadsheetRecord, record),
  );
}

/** From left to right. */
export function listSheets(sql: SQLTagStore, spreadsheet: string): Sheet[] {
  return sql.all`SELECT * FROM sheets WHERE spreadsheet = ${spreadsheet} ORDER BY position`.map((record) =>
    v.parse(SheetRecord, record),
  );
}

/** @throws GoogleError 400 when there is none */
export function getSheet(sql: SQLTagStore, spreadsheet: string, sheetId: number): Sheet {
  const record = sql.get`SELECT * FROM sheets WHERE spreadsheet = ${spreadsheet} AND sheet_id = ${sheetId}`;
  if (!record) throw invalid(seen.noGrid(sheetId));
  return v.parse(SheetRecord, record);
}

/** Writes back what can change of a sheet, its place among the others excepted. */
export function saveSheet(sql: SQLTagStore, sheet: Sheet): void {
  sql.run`UPDATE sheets SET title = ${sheet.title}, hidden = ${Number(sheet.hidden)}, row_count = ${sheet.rowCount},
    frozen_rows = ${sheet.frozenRows}, columns = ${JSON.stringify(sheet.columns)}, next_column = ${sheet.nextColumn}
    WHERE key = ${sheet.key}`;
}

/** Columns for a grid to grow by; their ids are fresh. */
export function newColumns(sheet: { nextColumn: number }, count: number): Column[] {
  return Array.from({ length: count }, () => ({ id: sheet.nextColumn++ }));
}
