import type { RowBuffer } from '../../lib/buffer/buffer.ts';
import type { SheetColumns } from '../../lib/form-schema/sheet-columns.ts';
import type { Log } from '../../lib/runtime/log.ts';
import type { SheetsError } from '../../lib/sheets/sheets-error.ts';
import type { Sheets } from '../../lib/sheets/sheets.ts';

export interface Collaborators {
  buffer: RowBuffer;
  sheets: Sheets;
  log: Log;
  /** Ids of empty spreadsheets in which the rows of full ones continue, in this order. */
  spares?: string[];
  now?: () => number;
  /** The columns for the fields of a form. */
  columnsOfForm?: (form: string) => Promise<SheetColumns>;
}

/** What became of a batch. */
export type Delivery =
  /** So many rows are known to stand in the sheet. */
  | { outcome: 'written'; rows: number }
  /** It, or what it rests on, was changed: take the next batch. */
  | { outcome: 'again' }
  /** A tab cannot be written; the batch's number is out of use, and it is still in flight. */
  | { outcome: 'unwritable'; tab: string; refusal: SheetsError };
