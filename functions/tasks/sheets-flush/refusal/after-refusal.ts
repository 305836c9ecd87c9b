import { isDeepStrictEqual } from 'node:util';
import type { Batch } from '../../../lib/buffer/types.ts';
import type { Collaborators, Delivery } from '../deliver.ts';
import { reconcile } from '../reconcile.ts';
import type { TabLayout } from '../../../lib/sheets/layout.ts';
import { SheetsError } from '../../../lib/sheets/sheets-error.ts';
import { fenceRequest, probeRequests, type ColumnsOf } from '../requests/batch.ts';
import { isFull, moveOn } from '../../../lib/sheets/spreadsheet-pool.ts';
import { collectTokens, fenced, parseToken } from '../tokens.ts';

export interface Refused {
  refusal: SheetsError;
  /** The refusal is our own: the rows go on in another spreadsheet. */
  closed: boolean;
  /** What the batch rested on. */
  layout: TabLayout[];
  columnsOf: ColumnsOf;
}

/**
 * Finds out what a refusal of a batch means, by the token with its number, and makes the buffer ready for what has to be done.
 * @throws SheetsError when nothing at all can be written
 */
export async function afterRefusal(
  batch: Batch,
  { refusal, closed, layout, columnsOf }: Refused,
  collaborators: Collaborators,
): Promise<'landed' | Exclude<Delivery, { rows: number }>> {
  const { sheets, log } = collaborators;
  const { spreadsheetId, target, sequence, digest, installation } = batch;
  const value = await sheets.token(target, sequence);
  if (value === undefined) {
    // Somebody changed tabs or columns after the look at them: the same batch once more, for how they are now.
    if (!isDeepStrictEqual(placesOf(layout), placesOf(await sheets.layout(target)))) return 'again';
    if (!(await fence(batch, refusal, collaborators))) return 'again';
  }
  const token = value === undefined ? { content: fenced, installation } : parseToken(value);
  // The same rows in the same order stand there, whoever wrote them.
  if (token?.content === digest) return 'landed';
  // Before tokens said whose they are, they were this installation's.
  if (token?.content === fenced && (token.installation ?? installation) === installation) {
    // Its number is out of use here, so it can go elsewhere.
    if (!closed) {
      if (isFull(layout) && (await moveOn(batch, collaborators, { inFlight: true }))) return 'again';
      return narrow(batch, { refusal, layout, columnsOf }, collaborators);
    }
  } else {
    const isForeign = token?.installation !== undefined && token.installation !== installation;
    log.error(
      { spreadsheetId, sequence },
      isForeign
        ? 'the number belongs to rows of another Redis: it lost its state, or another installation writes here'
        : 'the number belongs to other rows: Redis lost its state, or somebody else writes here',
    );
  }
  await reconcile(spreadsheetId, collaborators, sequence);
  return 'again';
}

/** What the requests of a batch rest on: all but the number of rows. */
function placesOf(layout: TabLayout[]) {
  return layout.map((tab) => ({ ...tab, rowCount: 0, free: 0 }));
}

/** Resolves with Google's refusal, undefined when it took the batch. A refusal is certain; any other failure is thrown. */
export async function refusalOf(applied: Promise<void>): Promise<SheetsError | undefined> {
  try {
    await applied;
    return undefined;
  } catch (error) {
    if (error instanceof SheetsError && (error.status === 400 || error.status === 413)) return error;
    throw error;
  }
}

/** Takes the number out of use, so that the refused batch can't land later. False when that is not done, and the batch to be sent again. */
async function fence(batch: Batch, refusal: SheetsError, collaborators: Collaborators): Promise<boolean> {
  const { sheets } = collaborators;
  const { target, sequence } = batch;
  if (!(await refusalOf(sheets.apply(target, [fenceRequest(batch)])))) return true;
  // Another run has used it meanwhile.
  if ((await sheets.token(target, sequence)) !== undefined) return false;
  // Tokens may take all the room that there is for them.
  if ((await collectTokens(batch, collaborators)) > 0) return false;
  throw refusal;
}

/**
 * Looks for what is at fault in a refused batch, its number being out of use: each tab is tried by itself, with a row that does not stay. Where
 * that is refused as well it is the tab; else the batch is halved until the row at fault is alone. It is sent once more, and then kept
 * aside with a mark in its place.
 */
async function narrow(
  batch: Batch,
  { refusal, layout, columnsOf }: Omit<Refused, 'closed'>,
  { buffer, sheets, log }: Collaborators,
): Promise<Exclude<Delivery, { rows: number }>> {
  const { spreadsheetId, target, rows } = batch;
  const [first] = rows;
  if (!first || rows.some(({ tab }) => tab !== first.tab)) {
    await buffer.reissue(batch, { keep: rows.length, ...(first ? { tab: first.tab } : {}) });
    return 'again';
  }
  const probe = await refusalOf(sheets.apply(target, probeRequests(batch, layout, columnsOf)));
  if (probe) return { tab: first.tab, refusal: probe };
  if (rows.length > 1) {
    await buffer.reissue(batch, { keep: Math.ceil(rows.length / 2) });
    return 'again';
  }
  const mark = { '@time': String(first.cells['@time'] ?? ''), '@note': markNote };
  const reason = refusal.message;
  const outcome = await buffer.refuse(batch, { mark, reason });
  if (outcome === 'restored') return { tab: first.tab, refusal };
  const facts = { id: first.id, spreadsheetId, tab: first.tab, reason };
  if (outcome === 'kept') log.warn(facts, 'row refused again; a mark is sent in its place');
  else log.warn(facts, 'row refused; it is sent once more');
  return 'again';
}

export const markNote = 'Google Sheets refused this row; Formbus keeps it.';
