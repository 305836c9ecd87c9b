import type { SQLTagStore } from 'node:sqlite';
import { invalid } from '../grid/google-error.ts';
import { getSheet, type Sheet } from '../grid/sheet.ts';
import { seen } from '../grid/texts.ts';

/**
 * Protects a tab or one of its columns as its owner does in a browser, from all users of the API; `false` lifts all of the tab's protections.
 * At Google's the owner and the editors whom he names may still write.
 */
export function protect(sql: SQLTagStore, sheet: Sheet, protection: boolean | { column: number }): void {
  sql.run`DELETE FROM protections WHERE sheet = ${sheet.key}`;
  if (protection === false) return;
  const column = protection === true ? null : (sheet.columns[protection.column]?.id ?? null);
  sql.run`INSERT INTO protections (sheet, col) VALUES (${sheet.key}, ${column})`;
}

/** A tab that is to be changed. @throws GoogleError 400 when there is none, or it is protected as a whole */
export function getUnprotected(sql: SQLTagStore, spreadsheet: string, sheetId: number): Sheet {
  const sheet = getSheet(sql, spreadsheet, sheetId);
  checkProtection(sql, sheet);
  return sheet;
}

/** @throws GoogleError 400 when the tab is protected, or one of these columns */
export function checkProtection(
  sql: SQLTagStore,
  { key }: Pick<Sheet, 'key'>,
  columns: { id: number }[] = [],
): void {
  for (const { col } of sql.all`SELECT col FROM protections WHERE sheet = ${key}`)
    if (col === null || columns.some(({ id }) => id === col)) throw invalid(seen.protectedCell);
}
