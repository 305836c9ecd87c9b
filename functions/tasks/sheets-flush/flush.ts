import { setTimeout as pause } from 'node:timers/promises';
import type { WaitingSpreadsheet } from '../../lib/buffer/spreadsheets.ts';
import { deliver } from './deliver.ts';
import { eraseRows } from './erase-rows.ts';
import { reasonOf } from '../../lib/runtime/log.ts';
import { counter } from '../../lib/metrics/metrics.ts';
import { reconcile } from './reconcile.ts';
import { retryTab } from './retry-tab.ts';
import { isPermanent, parkedAgain } from './parking.ts';
import type { Collaborators } from './types.ts';
import { SheetsError } from '../../lib/sheets/sheets-error.ts';

export interface FlushOptions extends Collaborators {
  /** How long rows are held back so that late arrivals keep their order, in milliseconds. */
  settleMs: number;
  /** After this time no new batch is begun, in milliseconds. */
  budgetMs?: number;
  sleep?: (ms: number) => Promise<void>;
}

/** `failed`: what could not be written, and why; its rows stay in the buffer. */
export interface FlushResult {
  rows: number;
  failed: { spreadsheetId: string; tab?: string; reason: string }[];
}

/**
 * Writes to the sheets what was submitted before the run began, each row exactly once: a batch is put in flight in Redis first, sent
 * with a token that Google takes only once, and removed when it is known to be written. It may stop or run twice at any point.
 */
export async function flush(options: FlushOptions): Promise<FlushResult> {
  const { buffer, log, settleMs, budgetMs = 45_000, now = Date.now, sleep = pause } = options;
  const begin = now();
  const waiting = (await buffer.waiting()).filter(({ parked }) => !parked || parked.retryAt <= begin);
  const youngest = Math.max(...waiting.map(({ newest }) => Math.min(newest ?? 0, begin)));
  if (youngest > begin - settleMs) await sleep(youngest + settleMs - begin);

  const result: FlushResult = { rows: 0, failed: [] };
  const inTime = () => now() - begin <= budgetMs;
  // One batch each in turn, the spreadsheet with the oldest row first: a long backlog leaves quota for the others.
  for (let turn = waiting, isFirst = true; turn.length > 0; isFirst = false) {
    const again: WaitingSpreadsheet[] = [];
    for (const sheet of turn) {
      if (!inTime()) return result;
      try {
        if ((await takeTurn(sheet, isFirst)) > 0) again.push(sheet);
      } catch (error) {
        await note(sheet, error);
        // The quota is the account's, so there is none left for the other spreadsheets either.
        if (error instanceof SheetsError && error.status === 429) return result;
      }
    }
    turn = again;
  }
  return result;

  /** Writes the rows of one batch, unless another run has the lease, and returns how many. */
  async function takeTurn(sheet: WaitingSpreadsheet, isFirst: boolean): Promise<number> {
    const { spreadsheetId, parked } = sheet;
    let written = 0;
    await buffer.withLease(spreadsheetId, async () => {
      if (isFirst && !(await buffer.isKnown(spreadsheetId))) await reconcile(spreadsheetId, options);
      if (isFirst) await retryTabs(sheet);
      // Read first: when there is no batch left, nothing is left of what was in flight at this moment either.
      const erasures = await buffer.erasures(spreadsheetId);
      while (written === 0 && inTime()) {
        const batch = await buffer.nextBatch(spreadsheetId, { before: begin });
        if (!batch) return erase(spreadsheetId, erasures);
        const delivery = await deliver(batch, options);
        if (delivery.outcome === 'unwritable') {
          const { tab, refusal } = delivery;
          await buffer.parkTab(batch, tab, tabParkedAgain(sheet, tab)(refusal.message));
          noteTab(spreadsheetId, tab, refusal.message);
        } else if (delivery.outcome === 'written') {
          result.rows += written = delivery.rows;
          counter('formbus_flush_rows_total', spreadsheetId).add(written);
        }
      }
    });
    if (isFirst && parked && written > 0)
      log.info({ spreadsheetId, since: parked.since }, 'can be written again');
    return written;
  }

  async function retryTabs(sheet: WaitingSpreadsheet): Promise<void> {
    for (const [tab, { retryAt }] of sheet.parkedTabs) {
      if (retryAt > begin || !inTime()) continue;
      const tried = await retryTab(sheet, { tab, parkedAgain: tabParkedAgain(sheet, tab) }, options);
      if (tried.outcome === 'refused') noteTab(sheet.spreadsheetId, tab, tried.reason);
    }
  }

  function noteTab(spreadsheetId: string, tab: string, reason: string) {
    log.error({ spreadsheetId, tab, reason }, 'the tab cannot be written; its rows stay in the buffer');
    result.failed.push({ spreadsheetId, tab, reason });
  }

  function tabParkedAgain({ parkedTabs }: WaitingSpreadsheet, tab: string) {
    return (reason: string) => parkedAgain(parkedTabs.get(tab), reason, now());
  }

  async function erase(spreadsheetId: string, ids: string[]): Promise<void> {
    if (ids.length === 0) return;
    await eraseRows(spreadsheetId, ids, options);
    await buffer.erased(spreadsheetId, ids);
  }

  async function note(sheet: WaitingSpreadsheet, error: unknown): Promise<void> {
    const { spreadsheetId } = sheet;
    const reason = reasonOf(error);
    log.error({ spreadsheetId, reason }, 'not written; it stays in the buffer');
    result.failed.push({ spreadsheetId, reason });
    if (isPermanent(error)) await buffer.park(spreadsheetId, parkedAgain(sheet.parked, reason, now()));
  }
}
