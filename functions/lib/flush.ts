import type { Buffer, FrozenBatch, WaitingSheet } from './buffer.ts';
import { reasonOf, type Log } from './log.ts';
import { batchRequests, forgetRequests } from './sheet-batch.ts';
import { SheetsError, type Sheets } from './sheets.ts';

interface Collaborators {
  buffer: Buffer;
  sheets: Sheets;
  log: Log;
}

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
  const waiting = await buffer.waiting();
  const youngest = Math.max(...waiting.map(({ newest }) => Math.min(newest ?? 0, begin)));
  if (youngest > begin - settleMs) await sleep(youngest + settleMs - begin);

  const result: FlushResult = { rows: 0, failed: [] };
  for (const { spreadsheetId } of waiting) {
    if (now() - begin > budgetMs) break;
    const error = await flushSheet(spreadsheetId, begin);
    if (!error) continue;
    const reason = reasonOf(error);
    log.error({ spreadsheetId, reason }, 'not written; it stays in the buffer');
    result.failed.push({ spreadsheetId, reason });
    // The quota is the account's, so the other spreadsheets have none left either.
    if (error instanceof SheetsError && error.status === 429) break;
  }
  return result;

  async function flushSheet(spreadsheetId: WaitingSheet['spreadsheetId'], before: number): Promise<unknown> {
    try {
      await buffer.withLease(spreadsheetId, async () => {
        while (now() - begin <= budgetMs) {
          const batch = await buffer.freeze(spreadsheetId, { before });
          if (!batch) return;
          await deliver(batch, options);
          result.rows += batch.rows.length;
        }
      });
      return undefined;
    } catch (error) {
      return error;
    }
  }
}

/** Resolves when the batch has landed and is forgotten; it may have landed in an earlier run. */
async function deliver(batch: FrozenBatch, { buffer, sheets, log }: Collaborators): Promise<void> {
  const { spreadsheetId, sequence } = batch;
  try {
    await sheets.apply(spreadsheetId, batchRequests(batch, await sheets.layout(spreadsheetId)));
  } catch (error) {
    // Only a refusal says that the token may be there; anything else is sent again by the next run.
    if (!(error instanceof SheetsError && error.status === 400)) throw error;
    await requireLanded(batch, sheets, error);
    log.info({ spreadsheetId, sequence }, 'had landed before');
  }
  await buffer.acknowledge(batch);
  log.info({ spreadsheetId, sequence, rows: batch.rows.length }, 'written');
  if (sequence % collectEvery === 0) await collectTokens(batch, { buffer, sheets, log });
}

/**
 * Deletes tokens that no request can come back to: all but the newest 512 and those of the last two hours. Google keeps
 * 30,000 characters of metadata for a spreadsheet. What fails here is done the next time.
 */
async function collectTokens(
  { spreadsheetId, sequence }: FrozenBatch,
  { buffer, sheets, log }: Collaborators,
) {
  try {
    const recent = new Set(await buffer.recentSequences(spreadsheetId));
    const old = (await sheets.tokens(spreadsheetId)).filter(
      (id) => id <= sequence - keptTokens && !recent.has(id),
    );
    if (old.length > 0) await sheets.apply(spreadsheetId, forgetRequests(old));
    log.info({ spreadsheetId, tokens: old.length }, 'tokens collected');
  } catch (error) {
    log.warn({ spreadsheetId, reason: reasonOf(error) }, 'tokens not collected');
  }
}

const keptTokens = 512;
const collectEvery = 256;

/** Tells a batch that has landed from one that was refused. */
async function requireLanded(
  { spreadsheetId, sequence, digest }: FrozenBatch,
  sheets: Sheets,
  refusal: SheetsError,
) {
  const token = await sheets.token(spreadsheetId, sequence);
  if (token === digest) return;
  if (token === undefined) throw refusal;
  throw new Error(
    `Token ${sequence} of spreadsheet ${spreadsheetId} belongs to other rows: Redis lost its state, or another Formbus writes to ` +
      'the same spreadsheet. Nothing was written or forgotten.',
    { cause: refusal },
  );
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
