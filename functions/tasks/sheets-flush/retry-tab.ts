import type { WaitingSpreadsheet } from '../../lib/buffer/spreadsheets.ts';
import type { Parked } from '../../lib/buffer/types.ts';
import type { Collaborators } from './types.ts';
import { refusalOf } from './refusal/refusal-of.ts';
import { idColumn, timeColumn } from '../../lib/sheets/keys.ts';
import { probeRequests } from './requests/probe.ts';
import { tabIn } from './requests/tabs.ts';
import { withFreeColumns } from './requests/tab-columns.ts';
import { isFull } from '../../lib/sheets/spreadsheet-pool.ts';
import { moveOn } from './move-on.ts';

/**
 * Tries whether a parked tab can be written again, with a row that does not stay. If so, its rows wait with the others again.
 * @throws SheetsError
 */
export async function retryTab(
  { spreadsheetId, target }: WaitingSpreadsheet,
  { tab, parkedAgain }: { tab: string; parkedAgain: (reason: string) => Parked },
  collaborators: Collaborators,
): Promise<{ outcome: 'unparked' } | { outcome: 'refused'; reason: string }> {
  const { buffer, sheets, log } = collaborators;
  const layout = await sheets.layout(target);
  const found = tabIn(layout, tab);
  const cells = Object.fromEntries(
    [idColumn, ...(found?.columns.keys() ?? [timeColumn])].map((key) => [key, '']),
  );
  const batch = { target, rows: [{ tab, id: '', cells }] };
  const probe = probeRequests(batch, await withFreeColumns(layout, batch, collaborators));
  const refusal = await refusalOf(sheets.apply(target, probe));
  if (refusal) {
    const place = { spreadsheetId, target, sequence: 0 };
    const hasMoved = isFull(layout) && (await moveOn(place, collaborators)) === 'moved';
    if (!hasMoved) {
      await buffer.parkTabAgain(spreadsheetId, tab, parkedAgain(refusal.message));
      return { outcome: 'refused', reason: refusal.message };
    }
  }
  await buffer.unparkTab(spreadsheetId, tab);
  log.info({ spreadsheetId, tab }, 'the tab can be written again');
  return { outcome: 'unparked' };
}
