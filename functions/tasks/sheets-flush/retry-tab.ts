import type { WaitingSpreadsheet } from '../../lib/buffer/spreadsheets.ts';
import type { Parked } from '../../lib/buffer/types.ts';
import type { Collaborators } from './deliver.ts';
import { refusalOf } from './refusal/after-refusal.ts';
import { idColumn } from '../../lib/sheets/keys.ts';
import { probeRequests, tabIn } from './requests/batch.ts';
import { withFreeColumns } from './requests/tab-columns.ts';
import { isFull, moveOn } from '../../lib/sheets/spreadsheet-pool.ts';

/**
 * Tries whether a parked tab can be written again, with a row that does not stay; if so its rows wait with the others again.
 * @throws SheetsError
 */
export async function retryTab(
  { spreadsheetId, target }: WaitingSpreadsheet,
  { tab, parkedAgain }: { tab: string; parkedAgain: (reason: string) => Parked },
  collaborators: Collaborators,
): Promise<{ reason: string } | undefined> {
  const { buffer, sheets, log } = collaborators;
  const layout = await sheets.layout(target);
  const found = tabIn(layout, tab);
  const cells = Object.fromEntries(
    [idColumn, ...(found?.columns.keys() ?? ['@time'])].map((key) => [key, '']),
  );
  const batch = { target, rows: [{ tab, id: '', cells }] };
  const probe = probeRequests(batch, await withFreeColumns(layout, batch, collaborators));
  const refusal = await refusalOf(sheets.apply(target, probe));
  const hasMoved =
    refusal && isFull(layout) && (await moveOn({ spreadsheetId, target, sequence: 0 }, collaborators));
  if (refusal && !hasMoved) {
    await buffer.parkTabAgain(spreadsheetId, tab, parkedAgain(refusal.message));
    return { reason: refusal.message };
  }
  await buffer.unparkTab(spreadsheetId, tab);
  log.info({ spreadsheetId, tab }, 'the tab can be written again');
  return undefined;
}
