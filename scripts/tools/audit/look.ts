import { isFull } from '../../../functions/lib/sheets/spreadsheet-pool.ts';
import { readStanding, type ReadSheets } from '../../../functions/lib/sheets/standing.ts';
import type { AuditedBuffer } from './buffer.ts';
import { keyOf, type Found } from './reconcile.ts';

/**
 * Looks into the buffer and then into the sheet, after the log was read: the way that a row goes. What moves on between two of
 * them is seen in the later one at least, so nothing that is on its way is taken for missing.
 */
export async function look(
  spreadsheets: string[],
  { buffer, sheets }: { buffer: AuditedBuffer; sheets: ReadSheets },
): Promise<Found> {
  const found: Found = {
    buffered: new Set(),
    frozen: new Set(),
    refused: new Map(),
    inSheet: new Map(),
    tabs: new Set(),
    full: [],
    parked: [],
    unreadable: [],
  };
  for (const spreadsheetId of spreadsheets) {
    const { pending, inFlight, refused, parked, parkedTabs } = await buffer.states(spreadsheetId);
    const key = (member: string) => `${spreadsheetId}\n${member}`;
    for (const member of pending) found.buffered.add(key(member));
    for (const member of inFlight) found.frozen.add(key(member));
    for (const [member, reason] of refused) found.refused.set(key(member), reason);
    if (parked) found.parked.push({ spreadsheetId, ...parked });
    for (const [tab, one] of parkedTabs) found.parked.push({ spreadsheetId, tab, ...one });
    try {
      const { chain, counts, unreadable } = await readStanding(spreadsheetId, sheets);
      for (const [tab, ids] of counts) {
        found.tabs.add(`${spreadsheetId}\n${tab}`);
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
