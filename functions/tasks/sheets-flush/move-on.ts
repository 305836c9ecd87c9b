import type { Batch } from '../../lib/buffer/types.ts';
import { reasonOf } from '../../lib/runtime/log.ts';
import { successorRequest } from './requests/metadata.ts';
import type { Collaborators } from './types.ts';

/** `overtaken`: the batch in flight is not the one that the caller knows. */
export type Move = 'moved' | 'no spare' | 'unusable' | 'overtaken';

/**
 * Lets the rows of a full spreadsheet continue in the next of the pool. The full spreadsheet names its successor in its own metadata, so
 * that all of them are found by whoever loses Redis or only reads the sheets. It may stop anywhere and be repeated.
 * @param inFlight the batch is still in flight and its number is out of use: it moves along under a new number
 */
export async function moveOn(
  { spreadsheetId, target, sequence }: Pick<Batch, 'spreadsheetId' | 'target' | 'sequence'>,
  { buffer, sheets, log, spares = [] }: Collaborators,
  { inFlight = false } = {},
): Promise<Move> {
  const facts = { spreadsheetId, full: target };
  try {
    const known = await sheets.successor(target);
    const next = known ?? (await buffer.claimSpare(target, spares));
    if (next === undefined) {
      log.error(facts, 'the spreadsheet is 80 % full and no spare is left: add one to SPREADSHEET_POOL');
      return 'no spare';
    }
    // A spreadsheet that does not exist, or is not shared with us, is found out here, while the full one still takes rows.
    await sheets.layout(next);
    if (known === undefined) await sheets.apply(target, [successorRequest(next)]);
    if (!(await buffer.redirect(spreadsheetId, next, inFlight ? { sequence } : {}))) return 'overtaken';
    log.warn({ ...facts, next }, 'the spreadsheet is 80 % full; its rows continue in the next one');
    return 'moved';
  } catch (error) {
    log.error(
      { ...facts, reason: reasonOf(error) },
      'the spreadsheet is 80 % full, and its next one cannot be used: see SPREADSHEET_POOL',
    );
    return 'unusable';
  }
}
