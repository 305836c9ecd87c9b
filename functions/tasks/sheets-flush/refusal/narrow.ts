import type { Batch } from '../../../lib/buffer/types.ts';
import type { TabLayout } from '../../../lib/sheets/layout.ts';
import type { SheetsError } from '../../../lib/sheets/sheets-error.ts';
import { timeColumn } from '../../../lib/sheets/keys.ts';
import { probeRequests } from '../requests/probe.ts';
import type { ColumnsOf } from '../requests/tabs.ts';
import type { Collaborators, Delivery } from '../types.ts';
import { refusalOf } from './refusal-of.ts';

export interface Refused {
  refusal: SheetsError;
  /** What the batch rested on. */
  layout: TabLayout[];
  columnsOf: ColumnsOf;
}

export const markNote = 'Google Sheets refused this row; Formbus keeps it.';

/**
 * Finds what is at fault in a refused batch, its number being out of use: each tab is tried by itself, with a row that does not stay. Where
 * that is refused as well, the tab is at fault; else the batch is halved until the faulty row is alone. That row is sent once more, and then
 * kept aside with a mark in its place.
 */
export async function narrow(
  batch: Batch,
  { refusal, layout, columnsOf }: Refused,
  { buffer, sheets, log }: Collaborators,
): Promise<Exclude<Delivery, { outcome: 'written' }>> {
  const { spreadsheetId, target, rows } = batch;
  const [first] = rows;
  if (!first || rows.some(({ tab }) => tab !== first.tab)) {
    await buffer.reissue(batch, { keep: rows.length, ...(first ? { tab: first.tab } : {}) });
    return { outcome: 'again' };
  }
  const probe = await refusalOf(sheets.apply(target, probeRequests(batch, layout, columnsOf)));
  if (probe) return { outcome: 'unwritable', tab: first.tab, refusal: probe };
  if (rows.length > 1) {
    await buffer.reissue(batch, { keep: Math.ceil(rows.length / 2) });
    return { outcome: 'again' };
  }
  const mark = { [timeColumn]: String(first.cells[timeColumn] ?? ''), '@note': markNote };
  const reason = refusal.message;
  const outcome = await buffer.refuse(batch, { mark, reason });
  if (outcome === 'restored') return { outcome: 'unwritable', tab: first.tab, refusal };
  const facts = { id: first.id, spreadsheetId, tab: first.tab, reason };
  if (outcome === 'kept') log.warn(facts, 'row refused again; a mark is sent in its place');
  else log.warn(facts, 'row refused; it is sent once more');
  return { outcome: 'again' };
}
