import { isDeepStrictEqual } from 'node:util';
import type { Buffer, FrozenBatch } from './buffer.ts';
import { reasonOf, type Log } from './log.ts';
import { batchRequests, forgetRequests, tokenRequest } from './sheet-batch.ts';
import { dropLanded, reconcile } from './reconcile.ts';
import { isFull, moveOn } from './spreadsheet-pool.ts';
import { SheetsError, type Sheets, type TabLayout } from './sheets.ts';

export interface Collaborators {
  buffer: Buffer;
  sheets: Sheets;
  log: Log;
  /** Ids of empty spreadsheets in which the rows of full ones go on, in this order. */
  spares?: string[];
}

/** The value of a token whose batch was refused: whatever of that batch is still on its way can't land any more. */
const fenced = 'void';

/**
 * Sends a frozen batch and finds out what became of it. Gives the number of rows that are known to stand in the sheet; 0 when
 * the batch was changed and the next one is to be frozen. May die at any point, and may run twice at the same time.
 * @throws SheetsError when the spreadsheet can't be written or nobody knows; the batch stays in flight
 */
export async function deliver(batch: FrozenBatch, collaborators: Collaborators): Promise<number> {
  const { buffer, sheets, log } = collaborators;
  const { spreadsheetId, target, sequence, digest, rows, isOld } = batch;
  if (isOld && (await dropLanded(batch, collaborators))) return 0;
  const layout = await sheets.layout(target);
  await warnOfDeletedTabs(batch, layout, collaborators);
  const closed = await closedBy(target, layout, sheets);
  const refusal = closed ?? (await refusalOf(sheets.apply(target, batchRequests(batch, layout))));
  if (refusal) {
    // Google refuses a number that it has, and whatever else it does not like: the token tells.
    const token = await sheets.token(target, sequence);
    if (token === undefined) {
      // Somebody changed tabs or columns after the look at them: the same batch once more, for how they are now.
      if (!isDeepStrictEqual(placesOf(layout), placesOf(await sheets.layout(target)))) return 0;
      if (!(await fence(batch, refusal, collaborators))) return 0;
    }
    if (token === undefined || token === fenced) {
      // Its number is out of use here, so it can go elsewhere.
      if (closed) {
        await reconcile(spreadsheetId, collaborators, sequence);
        return 0;
      }
      if (isFull(layout) && (await moveOn(batch, collaborators, { inFlight: true }))) return 0;
      return narrow(batch, refusal, collaborators);
    }
    if (token !== digest) {
      log.error(
        { spreadsheetId, sequence },
        'the number belongs to other rows: Redis lost its state, or somebody else writes here',
      );
      await reconcile(spreadsheetId, collaborators, sequence);
      return 0;
    }
    log.info({ spreadsheetId, sequence }, 'had landed before');
  }
  await buffer.acknowledge(batch);
  log.info({ spreadsheetId, sequence, rows: rows.length }, 'written');
  if (isFull(layout, rows.length)) await moveOn(batch, collaborators);
  if (sequence % collectEvery === 0) await collectTokens(batch, collaborators);
  return rows.length;
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

/** What the requests of a batch rest on: all but the number of rows. */
function placesOf(layout: TabLayout[]) {
  return layout.map((tab) => ({ ...tab, rowCount: 0 }));
}

/** Resolves with Google's refusal, undefined when it took the batch. A refusal is certain; any other failure is thrown. */
async function refusalOf(applied: Promise<void>): Promise<SheetsError | undefined> {
  try {
    await applied;
    return undefined;
  } catch (error) {
    if (error instanceof SheetsError && (error.status === 400 || error.status === 413)) return error;
    throw error;
  }
}

/** Takes the number out of use, so that the refused batch can't land later. False when another run has used it meanwhile. */
async function fence(
  { target, sequence }: FrozenBatch,
  refusal: SheetsError,
  { sheets }: Collaborators,
): Promise<boolean> {
  if (!(await refusalOf(sheets.apply(target, [tokenRequest(sequence, fenced)])))) return true;
  if ((await sheets.token(target, sequence)) !== undefined) return false;
  // Nothing at all can be written here.
  throw refusal;
}

/** Halves a refused batch; a single row that is refused is kept aside, and a mark goes in its place. */
async function narrow(
  batch: FrozenBatch,
  refusal: SheetsError,
  { buffer, log }: Collaborators,
): Promise<number> {
  const { spreadsheetId, rows } = batch;
  const [first] = rows;
  if (rows.length > 1 || !first) {
    await buffer.reissue(batch, { keep: Math.ceil(rows.length / 2) });
    return 0;
  }
  const mark = {
    '@time': String(first.cells['@time'] ?? ''),
    '@note': 'Google Sheets refused this row; Formbus keeps it.',
  };
  if (await buffer.refuse(batch, { mark, reason: refusal.message })) {
    log.error(
      { id: first.id, spreadsheetId, tab: first.tab, reason: refusal.message },
      'row refused; it is kept aside',
    );
    return 0;
  }
  // Not even a mark is taken, so it is not the row.
  throw refusal;
}

/**
 * Deletes tokens that no request can come back to: all but the newest 512 and those of the last two hours. Google keeps
 * 30,000 characters of metadata for a spreadsheet. What fails here is done the next time.
 */
async function collectTokens(
  { spreadsheetId, target, sequence }: FrozenBatch,
  { buffer, sheets, log }: Collaborators,
) {
  try {
    const recent = new Set(await buffer.recentSequences(spreadsheetId));
    const all = await sheets.tokens(target);
    const old = all.filter((id) => id <= sequence - keptTokens && !recent.has(id));
    if (old.length > 0) await sheets.apply(target, forgetRequests(old));
    log.info({ spreadsheetId, tokens: old.length }, 'tokens collected');
  } catch (error) {
    log.warn({ spreadsheetId, reason: reasonOf(error) }, 'tokens not collected');
  }
}

const keptTokens = 512;
const collectEvery = 256;
