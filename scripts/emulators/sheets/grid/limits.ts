import type { SQLTagStore } from 'node:sqlite';
import { invalid } from './google-error.ts';
import { guessed, seen } from './texts.ts';

/** @see https://support.google.com/drive/answer/37603 */
export const MAX_COLUMNS = 18_278;
export const MAX_SHEETS = 200;
const MAX_CELLS = 10_000_000;
/** Characters of a cell's text. */
export const MAX_CELL_LENGTH = 50_000;

/** Characters of keys and values: so many for the spreadsheet itself and so many again for each sheet with its columns.
 * @see https://developers.google.com/workspace/sheets/api/guides/metadata */
const MAX_METADATA = 30_000;

/** Every cell of every grid counts, the empty ones too. @throws GoogleError 400 */
export function checkCellLimit(sql: SQLTagStore, spreadsheet: string): void {
  const cells = sql.get`SELECT sum(row_count * json_array_length(columns)) AS n FROM sheets
    WHERE spreadsheet = ${spreadsheet}`?.['n'];
  if (Number(cells) > MAX_CELLS) throw invalid(seen.cellLimit(MAX_CELLS));
}

/** @throws GoogleError 400 */
export function checkMetadataLimit(sql: SQLTagStore, spreadsheet: string): void {
  const fullest = sql.get`SELECT sum(length(key) + length(coalesce(value, ''))) AS n FROM metadata
    WHERE spreadsheet = ${spreadsheet} GROUP BY sheet ORDER BY n DESC LIMIT 1`?.['n'];
  if (Number(fullest) > MAX_METADATA) throw invalid(guessed.metadataLimit(MAX_METADATA));
}
