import type { Batch } from '../../../lib/buffer/types.ts';
import type { SheetsError } from '../../../lib/sheets/sheets-error.ts';
import { moveOn } from '../move-on.ts';
import { reconcile } from '../reconcile.ts';
import { fenceRequest } from '../requests/batch.ts';
import { deleteOldTokens, fenced, tokenValue } from '../tokens.ts';
import type { Collaborators, Delivery } from '../types.ts';
import { narrow, type Refused } from './narrow.ts';
import { refusalOf } from './refusal-of.ts';
import { verdictOf } from './verdict.ts';

/**
 * Finds out what a refusal of a batch means, by the token with its number, and does what follows from it.
 * @throws SheetsError when nothing at all can be written
 */
export async function afterRefusal(
  batch: Batch,
  refused: Refused & { isClosed: boolean },
  collaborators: Collaborators,
): Promise<'written' | Exclude<Delivery, { outcome: 'written' }>> {
  const { sheets, log } = collaborators;
  const { spreadsheetId, target, sequence } = batch;
  const { refusal, isClosed, layout } = refused;
  const token = await sheets.token(target, sequence);
  const now = token === undefined ? await sheets.layout(target) : layout;
  const evidence = { batch, token, sentTo: layout, now, isClosed };
  let verdict = verdictOf(evidence);
  if (verdict === 'unfenced') {
    if ((await fence(batch, refusal, collaborators)) !== 'fenced') return { outcome: 'again' };
    verdict = verdictOf({ ...evidence, token: tokenValue(batch, fenced) });
  }
  switch (verdict) {
    case 'written':
      return 'written';
    case 'full':
      if ((await moveOn(batch, collaborators, { inFlight: true })) === 'moved') return { outcome: 'again' };
      return narrow(batch, refused, collaborators);
    case 'refused':
      return narrow(batch, refused, collaborators);
    case 'foreign':
      log.error(
        { spreadsheetId, sequence },
        'the number belongs to rows of another Redis: it lost its state, or another installation writes here',
      );
      break;
    case 'taken':
      log.error(
        { spreadsheetId, sequence },
        'the number belongs to other rows: Redis lost its state, or somebody else writes here',
      );
      break;
    case 'changed':
    case 'unfenced':
      return { outcome: 'again' };
    case 'moved':
      break;
  }
  await reconcile(spreadsheetId, collaborators, sequence);
  return { outcome: 'again' };
}

/**
 * Takes the number out of use, so that the refused batch cannot arrive later. `used`: another run has used the number meanwhile.
 * `room made`: old tokens took all the room for them, and were deleted.
 * @throws SheetsError the refusal, when not even that can be written
 */
async function fence(
  batch: Batch,
  refusal: SheetsError,
  collaborators: Collaborators,
): Promise<'fenced' | 'used' | 'room made'> {
  const { sheets } = collaborators;
  const { target, sequence } = batch;
  if (!(await refusalOf(sheets.apply(target, [fenceRequest(batch)])))) return 'fenced';
  if ((await sheets.token(target, sequence)) !== undefined) return 'used';
  if ((await deleteOldTokens(batch, collaborators)) === 'deleted') return 'room made';
  throw refusal;
}
