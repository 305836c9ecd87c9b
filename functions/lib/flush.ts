import type { Parked, WaitingSheet } from './buffer.ts';
import { deliver, reconcile, type Collaborators } from './deliver.ts';
import { reasonOf } from './log.ts';
import { SheetsError } from './sheets.ts';

export interface FlushOptions extends Collaborators {
  /** Rows younger than this wait for the ones that are late, in milliseconds. */
  settleMs: number;
  /** No new batch is begun after this time, in milliseconds. */
  budgetMs?: number;
  now?: () => number;
  sleep?: (ms: number) => Promise<void>;
}

/** `failed`: what could not be written, and stays in the buffer. */
export interface FlushResult {
  rows: number;
  failed: { spreadsheetId: string; reason: string }[];
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
  for (const sheet of waiting) {
    if (!inTime()) break;
    const { spreadsheetId } = sheet;
    try {
      await buffer.withLease(spreadsheetId, () => flushSheet(spreadsheetId));
      if (sheet.parked) log.info({ spreadsheetId, since: sheet.parked.since }, 'can be written again');
    } catch (error) {
      const reason = reasonOf(error);
      log.error({ spreadsheetId, reason }, 'not written; it stays in the buffer');
      result.failed.push({ spreadsheetId, reason });
      if (isCertain(error)) await buffer.park(spreadsheetId, parkedAgain(sheet, reason, now()));
      // The quota is the account's, so the other spreadsheets have none left either.
      if (error instanceof SheetsError && error.status === 429) break;
    }
  }
  return result;

  async function flushSheet(spreadsheetId: string): Promise<void> {
    if (!(await buffer.isKnown(spreadsheetId))) await reconcile(spreadsheetId, options);
    while (inTime()) {
      const batch = await buffer.freeze(spreadsheetId, { before: begin });
      if (!batch) return;
      result.rows += await deliver(batch, options);
    }
  }
}

/** Refused for good: not an answer that is missing (undefined), a fault at Google's (5xx) or a lack of quota. */
function isCertain(error: unknown): boolean {
  return (
    error instanceof SheetsError && error.status !== undefined && error.status < 500 && error.status !== 429
  );
}

/** One minute at first, then twice as long each time, up to a quarter of an hour: what is repaired is found soon. */
function parkedAgain({ parked }: WaitingSheet, reason: string, now: number): Parked {
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
