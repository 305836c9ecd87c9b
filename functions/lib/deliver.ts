import type { Buffer, FrozenBatch } from './buffer.ts';
import type { Log } from './log.ts';
import { dropLanded } from './reconcile.ts';
import { afterRefusal, markNote, refusalOf } from './refusals.ts';
import { batchRequests, growingTabs } from './sheet-batch.ts';
import { sharedColumns, type SheetColumns } from './sheet-columns.ts';
import { SheetsError, type Sheets, type TabLayout } from './sheets.ts';
import { isFull, moveOn } from './spreadsheet-pool.ts';
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
  const isThere = isOld && parseToken((await sheets.token(target, sequence)) ?? '')?.content === digest;
  if (!isThere) {
    if (isOld && (await dropLanded(batch, collaborators))) return 'again';
    const layout = await withFreeColumns(await sheets.layout(target), batch, sheets);
    await warnOfDeletedTabs(batch, layout, collaborators);
    const closed = await closedBy(target, layout, sheets);
    const columns = await columnsOf(batch, collaborators);
    const requests = batchRequests(batch, layout, (tab) => columns.get(tab) ?? {});
    const refusal = closed ?? (await refusalOf(sheets.apply(target, requests)));
    if (!refusal) return landed(layout);
    const found = await afterRefusal(batch, layout, { refusal, closed: closed !== undefined }, collaborators);
    if (found !== 'landed') return found;
  }
  log.info({ spreadsheetId, sequence }, 'had landed before');
  return landed();

  async function landed(layout?: TabLayout[]): Promise<Delivery> {
    const { collect } = await buffer.acknowledge(batch);
    log.info({ spreadsheetId, sequence, rows: rows.length }, 'written');
    for (const { id, tab, cells } of rows)
      if (cells['@note'] === markNote) log.error({ id, spreadsheetId, tab }, 'row refused; it is kept aside');
    if (layout && isFull(layout, rows.length)) await moveOn(batch, collaborators);
    if (collect) await collectTokens(batch, collaborators);
    return { rows: rows.length };
  }
}

/** By tab. What comes to moderators has the fields of many forms, under their names. */
async function columnsOf(
  { spreadsheetId, rows }: FrozenBatch,
  { buffer, columnsOfForm }: Collaborators,
): Promise<Map<string, SheetColumns>> {
  if (!columnsOfForm) return new Map();
  const tabs = [...new Set(rows.map(({ tab }) => tab))];
  const forms = await buffer.formsOf(spreadsheetId, tabs);
  return new Map(
    await Promise.all(
      tabs.map(
        async (tab, i) =>
          [tab, sharedColumns(await Promise.all((forms[i] ?? []).map(columnsOfForm)))] as const,
      ),
    ),
  );
}

/** A tab that somebody made beforehand has columns that are free; only for fields that have none yet it is looked where. */
async function withFreeColumns(
  layout: TabLayout[],
  { target, rows }: FrozenBatch,
  sheets: Sheets,
): Promise<TabLayout[]> {
  const growing = new Set(growingTabs(rows, layout));
  return Promise.all(
    layout.map(async (tab) =>
      growing.has(tab) ? { ...tab, free: await sheets.firstFree(target, tab) } : tab,
    ),
  );
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
