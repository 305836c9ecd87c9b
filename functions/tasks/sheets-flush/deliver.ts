import type { Buffer, FrozenBatch } from '../../lib/buffer/buffer.ts';
import type { Log } from '../../lib/runtime/log.ts';
import { dropLanded } from './reconcile.ts';
import { afterRefusal, markNote, refusalOf } from './refusal/after-refusal.ts';
import type { TabLayout } from '../../lib/sheets/layout.ts';
import { SheetsError } from '../../lib/sheets/sheets-error.ts';
import { batchRequests } from './requests/batch.ts';
import type { SheetColumns } from '../../lib/schema/sheet-columns.ts';
import { type Sheets } from '../../lib/sheets/sheets.ts';
import { isFull, moveOn } from '../../lib/sheets/spreadsheet-pool.ts';
import { readColumns, withFreeColumns } from './requests/tab-columns.ts';
import { collectTokens, parseToken } from './tokens.ts';

export interface Collaborators {
  buffer: Buffer;
  sheets: Sheets;
  log: Log;
  /** Ids of empty spreadsheets in which the rows of full ones go on, in this order. */
  spares?: string[];
  now?: () => number;
  /** What the fields of a form are in a sheet. */
  columnsOfForm?: (form: string) => Promise<SheetColumns>;
}

/**
 * What became of a batch: so many rows are known to stand in the sheet; or it was changed, and the next one is to be frozen; or
 * a tab can't be written, its number is out of use, and it is still in flight.
 */
export type Delivery = { rows: number } | 'again' | { tab: string; refusal: SheetsError };

/**
 * Sends a frozen batch and finds out what became of it. May die at any point, and may run twice at the same time.
 * @throws SheetsError when the spreadsheet can't be written or nobody knows; the batch stays in flight
 */
export async function deliver(batch: FrozenBatch, collaborators: Collaborators): Promise<Delivery> {
  const { buffer, sheets, log } = collaborators;
  const { spreadsheetId, target, sequence, digest, rows, isOld } = batch;
  if (isOld) {
    const token = parseToken((await sheets.token(target, sequence)) ?? '');
    if (token?.content === digest) return landed({ before: true });
    if (await dropLanded(batch, collaborators)) return 'again';
  }
  const layout = await withFreeColumns(await sheets.layout(target), batch, collaborators);
  await warnOfDeletedTabs(batch, layout, collaborators);
  const closed = await closedBy(target, layout, sheets);
  const columnsOf = await readColumns(batch, collaborators);
  const requests = batchRequests(batch, layout, columnsOf);
  const refusal = closed ?? (await refusalOf(sheets.apply(target, requests)));
  if (!refusal) return landed({ layout });
  const facts = { refusal, closed: closed !== undefined, layout, columnsOf };
  const found = await afterRefusal(batch, facts, collaborators);
  return found === 'landed' ? landed({ before: true, layout }) : found;

  async function landed({
    before = false,
    layout,
  }: {
    before?: boolean;
    layout?: TabLayout[];
  }): Promise<Delivery> {
    if (before) log.info({ spreadsheetId, sequence }, 'had landed before');
    const { collect } = await buffer.acknowledge(batch);
    log.info({ spreadsheetId, sequence, rows: rows.length }, 'written');
    for (const { id, tab, cells } of rows)
      if (cells['@note'] === markNote) log.error({ id, spreadsheetId, tab }, 'row refused; it is kept aside');
    if (layout && isFull(layout, rows.length)) await moveOn(batch, collaborators);
    if (collect) await collectTokens(batch, collaborators);
    return { rows: rows.length };
  }
}

/**
 * The reason not to write to a spreadsheet whose rows go on in another one. That comes up when Redis has lost that it is so, or
 * when another run is about to tell it.
 */
async function closedBy(
  target: string,
  layout: TabLayout[],
  sheets: Sheets,
): Promise<SheetsError | undefined> {
  const next = isFull(layout) ? await sheets.successor(target) : undefined;
  return next === undefined ? undefined : new SheetsError(`its rows go on in ${next}`, 400);
}

/** A tab that is made anew lacks the rows of the one that somebody has deleted. */
async function warnOfDeletedTabs(
  { spreadsheetId, target, rows }: FrozenBatch,
  layout: TabLayout[],
  { buffer, log }: Collaborators,
): Promise<void> {
  const there = new Set(layout.map(({ tab }) => tab));
  const absent = new Set(rows.map(({ tab }) => tab).filter((tab) => !there.has(tab)));
  if (absent.size === 0) return;
  for (const tab of await buffer.written(target, [...absent])) {
    log.error(
      { spreadsheetId, target, tab },
      'somebody has deleted the tab; it is made anew, and the audit can put its rows back',
    );
  }
}
