import * as v from 'valibot';

export const Cells = v.record(v.string(), v.union([v.string(), v.number(), v.boolean()]));
/** A row's values by the keys of their columns, in order. */
export type Cells = v.InferOutput<typeof Cells>;

/** A row on its way to a sheet. */
export interface BufferedRow {
  spreadsheetId: string;
  tab: string;
  id: string;
  /** Milliseconds since 1970: the submission's own time, which decides its place. */
  time: number;
  cells: Cells;
  /** The form that its fields belong to; left out where the tab takes rows of all forms. */
  form?: string;
}

/** Rows that go to Google together. Which rows, and in which order, never changes under the same number. */
export interface Batch {
  /** The spreadsheet that the rows are for. */
  spreadsheetId: string;
  /** Where they are written: the spreadsheet itself or, once that is full, one of the pool. */
  target: string;
  /** Counts up by one for each batch of a spreadsheet. */
  sequence: number;
  /** 16 hexadecimal characters over the rows' tabs and ids in order. */
  digest: string;
  rows: { tab: string; id: string; cells: Cells }[];
  /** When its number was assigned, in milliseconds since 1970. */
  numberedAt: number;
  /** Six characters that identify the Redis that assigned the number: another installation may use the same numbers in the same spreadsheet. */
  installation: string;
  /**
   * The rows may be in the sheet already: some were submitted before the spreadsheet was found to have rows that this Redis does
   * not know, or the number was given more than an hour ago and its token may be gone.
   */
  isOld: boolean;
}

export const Parked = v.object({
  reason: v.string(),
  since: v.number(),
  tries: v.number(),
  retryAt: v.number(),
});
/** Why a spreadsheet or a tab is left alone, since when, after how many tries, and until when; times in milliseconds since 1970. */
export type Parked = v.InferOutput<typeof Parked>;

/** A hash as a script returns it: fields and values in turn. */
export function mapOfHash(list: string[]): Map<string, string | undefined> {
  return new Map(list.flatMap((field, i) => (i % 2 === 0 ? [[field, list[i + 1]] as const] : [])));
}
