import { isFull } from '../../../functions/lib/sheets/spreadsheet-pool.ts';
import { readStanding, type ReadSheets } from '../../../functions/lib/sheets/standing.ts';
import type { AuditedBuffer } from './buffer.ts';
import { settle } from './compare-with-sheet.ts';
import { keyOf, keyOfMember, tabKey, type Found } from './report.ts';

/**
 * Looks, judges, and looks again when something seems lost or duplicated.
 * @param onDoubt called before the second look
 */
export async function lookUntilSure<J extends { lost: unknown[]; duplicated: unknown[] }>(
  lookOnce: () => Promise<Found>,
  judge: (found: Found) => J | Promise<J>,
  onDoubt: () => void = () => {},
): Promise<{ found: Found; judgement: J }> {
  const found = await lookOnce();
  const judgement = await judge(found);
  if (judgement.lost.length + judgement.duplicated.length === 0) return { found, judgement };
  onDoubt();
  const settled = settle(found, await lookOnce());
  return { found: settled, judgement: await judge(settled) };
}

/**
 * Looks into the buffer and then into the sheet, after the log was read: the way that a row goes. A row that moves on between two of
 * them is seen in the later one at least, so that no row on its way is called lost.
 */
export async function look(
  spreadsheets: string[],
  { buffer, sheets }: { buffer: AuditedBuffer; sheets: ReadSheets },
): Promise<Found> {
  const found: Found = {
    buffered: new Set(),
    inFlight: new Set(),
    refused: new Map(),
    inSheet: new Map(),
    tabs: new Set(),
    full: [],
    parked: [],
    unreadable: [],
  };
  for (const spreadsheetId of spreadsheets) {
    const { pending, inFlight, refused, parked, parkedTabs } = await buffer.states(spreadsheetId);
    const key = (member: string) => keyOfMember(spreadsheetId, member);
    for (const member of pending) found.buffered.add(key(member));
    for (const member of inFlight) found.inFlight.add(key(member));
    for (const [member, reason] of refused) found.refused.set(key(member), reason);
    if (parked) found.parked.push({ spreadsheetId, ...parked });
    for (const [tab, one] of parkedTabs) found.parked.push({ spreadsheetId, tab, ...one });
    try {
      const { chain, counts, unreadable } = await readStanding(spreadsheetId, sheets);
      for (const [tab, ids] of counts) {
        found.tabs.add(tabKey({ spreadsheetId, tab }));
        for (const [id, count] of ids) found.inSheet.set(keyOf({ spreadsheetId, tab, id }), count);
      }
      for (const tab of unreadable)
        found.unreadable.push({ spreadsheetId, tab, reason: 'its hidden column of ids is gone' });
      const last = chain.at(-1) ?? spreadsheetId;
      if (last !== spreadsheetId || isFull(await sheets.layout(last)))
        found.full.push({ spreadsheetId, last });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      found.unreadable.push({ spreadsheetId, tab: undefined, reason });
    }
  }
  return found;
}
