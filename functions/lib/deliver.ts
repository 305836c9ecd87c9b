import { isDeepStrictEqual } from 'node:util';
import type { Buffer, FrozenBatch } from './buffer.ts';
import { reasonOf, type Log } from './log.ts';
import { batchRequests, forgetRequests, idColumn, tokenRequest } from './sheet-batch.ts';
import { SheetsError, type Sheets, type TabLayout } from './sheets.ts';

export interface Collaborators {
  buffer: Buffer;
  sheets: Sheets;
  log: Log;
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
  const { spreadsheetId, sequence, digest, rows } = batch;
  const layout = await sheets.layout(spreadsheetId);
  const refusal = await refusalOf(sheets.apply(spreadsheetId, batchRequests(batch, layout)));
  if (refusal) {
    // Google refuses a number that it has, and whatever else it does not like: the token tells.
    const token = await sheets.token(spreadsheetId, sequence);
    if (token === undefined) {
      // Somebody changed tabs or columns after the look at them: the same batch once more, for how they are now.
      if (!isDeepStrictEqual(placesOf(layout), placesOf(await sheets.layout(spreadsheetId)))) return 0;
      return fence(batch, refusal, collaborators);
    }
    if (token === fenced) return narrow(batch, refusal, collaborators);
    if (token !== digest) {
      log.error(
        { spreadsheetId, sequence },
        'the number belongs to other rows: Redis lost its state, or somebody else writes here',
      );
      await reconcile(spreadsheetId, collaborators);
      return 0;
    }
    log.info({ spreadsheetId, sequence }, 'had landed before');
  }
  await buffer.acknowledge(batch);
  log.info({ spreadsheetId, sequence, rows: rows.length }, 'written');
  if (sequence % collectEvery === 0) await collectTokens(batch, collaborators);
  return rows.length;
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

/** Takes the number out of use, so that the refused batch can't land later, and then looks for the row at fault. */
async function fence(
  batch: FrozenBatch,
  refusal: SheetsError,
  collaborators: Collaborators,
): Promise<number> {
  const { spreadsheetId, sequence } = batch;
  const { sheets } = collaborators;
  if (await refusalOf(sheets.apply(spreadsheetId, [tokenRequest(sequence, fenced)]))) {
    // Another run has used the number meanwhile: look again. Otherwise nothing can be written here.
    if ((await sheets.token(spreadsheetId, sequence)) !== undefined) return 0;
    throw refusal;
  }
  return narrow(batch, refusal, collaborators);
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
 * Brings the buffer and a spreadsheet together when their numbers disagree, or when this Redis has not written to it before:
 * rows that stand in the sheet are forgotten, and numbers go on after the highest that the sheet has.
 */
export async function reconcile(
  spreadsheetId: string,
  { buffer, sheets, log }: Collaborators,
): Promise<void> {
  const tokens = await sheets.tokens(spreadsheetId);
  let forgotten = 0;
  if (tokens.length > 0) {
    for (const tab of await sheets.layout(spreadsheetId)) {
      const index = tab.columns.get(idColumn);
      if (tab.tab === undefined || index === undefined) continue;
      const key = tab.tab;
      const landed = (await sheets.column(spreadsheetId, tab, index)).map((id) => ({ tab: key, id }));
      forgotten += await buffer.forget(spreadsheetId, landed);
    }
    log.warn(
      { spreadsheetId, forgotten },
      'rows compared with the sheet; those that stand there are not sent again',
    );
  }
  await buffer.renumber(spreadsheetId, Math.max(0, ...tokens));
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
    const all = await sheets.tokens(spreadsheetId);
    const old = all.filter((id) => id <= sequence - keptTokens && !recent.has(id));
    if (old.length > 0) await sheets.apply(spreadsheetId, forgetRequests(old));
    log.info({ spreadsheetId, tokens: old.length }, 'tokens collected');
  } catch (error) {
    log.warn({ spreadsheetId, reason: reasonOf(error) }, 'tokens not collected');
  }
}

const keptTokens = 512;
const collectEvery = 256;
