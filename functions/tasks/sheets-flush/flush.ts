import type { WaitingSpreadsheet } from '../../lib/buffer/spreadsheets.ts';
import type { Parked } from '../../lib/buffer/types.ts';
import { deliver, type Collaborators } from './deliver.ts';
import { eraseRows } from './erase-rows.ts';
import { reasonOf } from '../../lib/runtime/log.ts';
import { counter } from '../../lib/metrics/metrics.ts';
import { reconcile } from './reconcile.ts';
import { retryTab } from './retry-tab.ts';
import { SheetsError } from '../../lib/sheets/sheets-error.ts';

export interface FlushOptions extends Collaborators {
  /** Rows younger than this wait for the ones that are late, in milliseconds. */
  settleMs: number;
  /** No new batch is begun after this time, in milliseconds. */
  budgetMs?: number;
  sleep?: (ms: number) => Promise<void>;
}

/** `failed`: what could not be written, and stays in the buffer. */
export interface FlushResult {
  rows: number;
  failed: { spreadsheetId: string; tab?: string; reason: string }[];
}

/**
 * Writes to the sheets what was submitted before the run began, each row exactly once: a batch is frozen in Redis first, sent with
 * a token that Google takes only once, and forgotten when it is known to have landed. It may stop or run twice at any point.
 */
export async function flush(options: FlushOptions): Promise<FlushResult> {
  const { buffer, log, settleMs, budgetMs = 45_000, now = Date.now, sleep = pause } = options;
  const begin = now();
  const waiting = (await buffer.waiting()).filter(({ parked }) => !parked || parked.retryAt <= begin);
  const youngest = Math.max(...waiting.map(({ newest }) => Math.min(newest ?? 0, begin)));
  if (youngest > begin - settleMs) await sleep(youngest + settleMs - begin);

  const result: FlushResult = { rows: 0, failed: [] };
  const inTime = () => now() - begin <= budgetMs;
  // One batch each in turn, the one with the oldest row first: a long backlog takes the quota from nobody.
  for (let turn = waiting, isFirst = true; turn.length > 0; isFirst = false) {
    const again: WaitingSpreadsheet[] = [];
    for (const sheet of turn) {
      if (!inTime()) return result;
      try {
        if (await takeTurn(sheet, isFirst)) again.push(sheet);
      } catch (error) {
        await note(sheet, error);
        // The quota is the account's, so the other spreadsheets have none left either.
        if (error instanceof SheetsError && error.status === 429) return result;
      }
    }
    turn = again;
  }
  return result;

  /** Writes the rows of one batch; false when there are none (any more), or somebody else has the lease. */
  async function takeTurn(sheet: WaitingSpreadsheet, isFirst: boolean): Promise<boolean> {
    const { spreadsheetId, parked } = sheet;
    let written = 0;
    await buffer.withLease(spreadsheetId, async () => {
      if (isFirst && !(await buffer.isKnown(spreadsheetId))) await reconcile(spreadsheetId, options);
      if (isFirst) await retryTabs(sheet);
      // Noted before: of what is in flight by then, nothing is left when there is no batch any more.
      const erasures = await buffer.erasures(spreadsheetId);
      while (written === 0 && inTime()) {
        const batch = await buffer.nextBatch(spreadsheetId, { before: begin });
        if (!batch) return erase(spreadsheetId, erasures);
        const outcome = await deliver(batch, options);
        if (outcome === 'again') continue;
        if ('tab' in outcome) {
          const { tab, refusal } = outcome;
          await buffer.parkTab(batch, tab, tabParkedAgain(sheet, tab)(refusal.message));
          noteTab(spreadsheetId, tab, refusal.message);
        } else {
          result.rows += written = outcome.rows;
          counter('formbus_flush_rows_total', spreadsheetId).add(written);
        }
      }
    });
    if (isFirst && parked && written > 0)
      log.info({ spreadsheetId, since: parked.since }, 'can be written again');
    return written > 0;
  }

  async function retryTabs(sheet: WaitingSpreadsheet): Promise<void> {
    for (const [tab, { retryAt }] of sheet.parkedTabs) {
      if (retryAt > begin || !inTime()) continue;
      const refused = await retryTab(sheet, { tab, parkedAgain: tabParkedAgain(sheet, tab) }, options);
      if (refused) noteTab(sheet.spreadsheetId, tab, refused.reason);
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
    if (isCertain(error)) await buffer.park(spreadsheetId, parkedAgain(sheet.parked, reason, now()));
  }
}

/** The spreadsheet is refused for good: not an answer that is missing (undefined), a fault at Google's (5xx), a login (401) or a lack of quota. */
function isCertain(error: unknown): boolean {
  return (
    error instanceof SheetsError &&
    error.status !== undefined &&
    error.status < 500 &&
    ![401, 429].includes(error.status)
  );
}

/** One minute at first, then twice as long each time, up to a quarter of an hour: what is repaired is found soon. */
function parkedAgain(parked: Parked | undefined, reason: string, now: number): Parked {
  const tries = (parked?.tries ?? 0) + 1;
  return {
    reason,
    since: parked?.since ?? now,
    tries,
    retryAt: now + Math.min(60_000 * 2 ** (tries - 1), 900_000),
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
