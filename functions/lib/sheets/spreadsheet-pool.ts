import type { Batch } from '../buffer/types.ts';
import type { Collaborators } from '../../tasks/sheets-flush/deliver.ts';
import { reasonOf } from '../runtime/log.ts';
import type { TabLayout } from './layout.ts';
import { successorRequest } from '../../tasks/sheets-flush/requests/batch.ts';
import type { Sheets } from './sheets.ts';

/** https://support.google.com/drive/answer/37603: 10 million cells, the empty ones of every tab's grid included. */
const maxCells = 10_000_000;
/** The share from which rows go on in the next spreadsheet. What is left takes the batch that is under way. */
const fullAt = 0.8;

/** Whether a spreadsheet is so full that the next batch should go to another one; `rows` are those just added. */
export function isFull(layout: TabLayout[], rows = 0): boolean {
  const cells = layout.map(({ rowCount, columnCount }) => rowCount * columnCount);
  const widest = Math.max(0, ...layout.map(({ columnCount }) => columnCount));
  return cells.reduce((sum, one) => sum + one, 0) + rows * widest >= maxCells * fullAt;
}

/**
 * Lets the rows of a full spreadsheet go on in the next of the pool; false when they can't. The full one names its successor in its
 * own metadata, so that who loses Redis or only reads the sheets finds all of them. It may stop anywhere and be done again.
 * @param inFlight the batch is still in flight and its number is out of use: it goes along with a new one
 */
export async function moveOn(
  { spreadsheetId, target, sequence }: Pick<Batch, 'spreadsheetId' | 'target' | 'sequence'>,
  { buffer, sheets, log, spares = [] }: Collaborators,
  { inFlight = false } = {},
): Promise<boolean> {
  const facts = { spreadsheetId, full: target };
  try {
    const known = await sheets.successor(target);
    const next = known ?? (await buffer.claimSpare(target, spares));
    if (next === undefined) {
      log.error(facts, 'the spreadsheet is 80 % full and no spare is left: add one to SPREADSHEET_POOL');
      return false;
    }
    // One that is not there, or not shared with us, is found out here, while the full one still takes rows.
    await sheets.layout(next);
    if (known === undefined) await sheets.apply(target, [successorRequest(next)]);
    const moved = await buffer.redirect(spreadsheetId, next, inFlight ? { sequence } : {});
    if (moved) log.warn({ ...facts, next }, 'the spreadsheet is 80 % full; its rows go on in the next one');
    return moved;
  } catch (error) {
    log.error(
      { ...facts, reason: reasonOf(error) },
      'the spreadsheet is 80 % full, and its next one cannot be used: see SPREADSHEET_POOL',
    );
    return false;
  }
}

/** A spreadsheet and those in which its rows have gone on, in this order. @throws SheetsError */
export async function continuations(
  spreadsheetId: string,
  sheets: Pick<Sheets, 'successor'>,
): Promise<string[]> {
  const found = new Set<string>();
  for (let one: string | undefined = spreadsheetId; one !== undefined && !found.has(one);) {
    found.add(one);
    one = await sheets.successor(one);
  }
  return [...found];
}
