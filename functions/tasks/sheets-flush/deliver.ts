import type { Batch } from '../../lib/buffer/types.ts';
import type { TabLayout } from '../../lib/sheets/layout.ts';
import { SheetsError } from '../../lib/sheets/sheets-error.ts';
import type { Sheets } from '../../lib/sheets/sheets.ts';
import { isFull } from '../../lib/sheets/spreadsheet-pool.ts';
import { moveOn } from './move-on.ts';
import { compareBatch } from './reconcile.ts';
import { afterRefusal } from './refusal/after-refusal.ts';
import { markNote } from './refusal/narrow.ts';
import { refusalOf } from './refusal/refusal-of.ts';
import { batchRequests } from './requests/batch.ts';
import { readColumns, withFreeColumns } from './requests/tab-columns.ts';
import { deleteOldTokens } from './tokens.ts';
import type { Collaborators, Delivery } from './types.ts';

/**
 * Sends a batch and finds out what became of it. May die at any point, and may run twice at the same time.
 * @throws SheetsError when the spreadsheet cannot be written, or when nobody knows whether it was; the batch stays in flight
 */
export async function deliver(batch: Batch, collaborators: Collaborators): Promise<Delivery> {
  if (batch.isOld) {
    const found = await compareBatch(batch, collaborators);
    if (found === 'written') return acknowledge(batch, collaborators, { isLate: true });
    if (found === 'rows dropped') return { outcome: 'again' };
  }
  const { refusal, ...sent } = await send(batch, collaborators);
  if (!refusal) return acknowledge(batch, collaborators, sent);
  const found = await afterRefusal(batch, { refusal, ...sent }, collaborators);
  return found === 'written' ? acknowledge(batch, collaborators, { ...sent, isLate: true }) : found;
}

/** Resolves with a refusal, Google's or our own, or with none when the rows are written; with what the batch rested on. */
async function send(batch: Batch, collaborators: Collaborators) {
  const { sheets } = collaborators;
  const { target } = batch;
  const layout = await withFreeColumns(await sheets.layout(target), batch, collaborators);
  await warnOfDeletedTabs(batch, layout, collaborators);
  const closed = await closedBy(target, layout, sheets);
  const columnsOf = await readColumns(batch, collaborators);
  const requests = batchRequests(batch, layout, columnsOf);
  const refusal = closed ?? (await refusalOf(sheets.apply(target, requests)));
  return { refusal, isClosed: closed !== undefined, layout, columnsOf };
}

/** The batch's rows stand in the sheet. `isLate`: an earlier call wrote them. */
async function acknowledge(
  batch: Batch,
  collaborators: Collaborators,
  { isLate = false, layout }: { isLate?: boolean; layout?: TabLayout[] },
): Promise<Delivery> {
  const { buffer, log } = collaborators;
  const { spreadsheetId, sequence, rows } = batch;
  if (isLate) log.info({ spreadsheetId, sequence }, 'batch already written');
  const { deleteTokens } = await buffer.acknowledge(batch);
  log.info({ spreadsheetId, sequence, rows: rows.length }, 'written');
  for (const { id, tab, cells } of rows)
    if (cells['@note'] === markNote) log.error({ id, spreadsheetId, tab }, 'row refused; it is kept aside');
  if (layout && isFull(layout, rows.length)) await moveOn(batch, collaborators);
  if (deleteTokens) await deleteOldTokens(batch, collaborators);
  return { outcome: 'written', rows: rows.length };
}

/**
 * The reason not to write to a spreadsheet whose rows continue in another one. It happens when Redis has lost that they do, or when
 * another run is about to note it.
 */
async function closedBy(
  target: string,
  layout: TabLayout[],
  sheets: Sheets,
): Promise<SheetsError | undefined> {
  const next = isFull(layout) ? await sheets.successor(target) : undefined;
  return next === undefined ? undefined : new SheetsError(`its rows continue in ${next}`, 400);
}

/** A tab that is made again lacks the rows of the one that somebody deleted. */
async function warnOfDeletedTabs(
  { spreadsheetId, target, rows }: Batch,
  layout: TabLayout[],
  { buffer, log }: Collaborators,
): Promise<void> {
  const there = new Set(layout.map(({ tab }) => tab));
  const absent = new Set(rows.map(({ tab }) => tab).filter((tab) => !there.has(tab)));
  if (absent.size === 0) return;
  for (const tab of await buffer.tabsWritten(target, [...absent])) {
    log.error(
      { spreadsheetId, target, tab },
      'somebody has deleted the tab; it is made again, and the audit can put its rows back',
    );
  }
}
