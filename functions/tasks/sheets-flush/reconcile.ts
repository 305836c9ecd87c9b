import type { Batch } from '../../lib/buffer/types.ts';
import type { Collaborators } from './deliver.ts';
import { idColumn } from '../../lib/sheets/keys.ts';
import { continuations } from '../../lib/sheets/spreadsheet-pool.ts';
import { readStanding } from '../../lib/sheets/standing.ts';

/**
 * Brings the buffer and a spreadsheet together when their numbers disagree, or when this Redis has not written to it before:
 * rows that stand in the sheet are forgotten, and numbers go on after the highest that the sheet has.
 * @param sequence the number of the batch in flight, whose number is out of use here
 */
export async function reconcile(
  spreadsheetId: string,
  { buffer, sheets, log }: Collaborators,
  sequence?: number,
): Promise<void> {
  let highest = 0;
  let forgotten = 0;
  let target = spreadsheetId;
  for (const one of await continuations(spreadsheetId, sheets)) {
    target = one;
    const tokens = await sheets.tokens(one);
    highest = Math.max(highest, ...tokens.map(({ sequence: number }) => number));
    if (tokens.length > 0) forgotten += await forgetLanded(spreadsheetId, one, { buffer, sheets });
  }
  if (highest > 0) {
    log.warn(
      { spreadsheetId, forgotten },
      'rows compared with the sheet; those that stand there are not sent again',
    );
  }
  await buffer.renumber(spreadsheetId, highest, target, sequence);
}

/**
 * Forgets rows of a batch that stand in the sheet; gives whether there were any. The batch keeps its number, so that it can't land beside one
 * that another run is sending with it.
 */
export async function dropLanded(
  { spreadsheetId, rows }: Batch,
  { buffer, sheets, log }: Collaborators,
): Promise<boolean> {
  const ids = Map.groupBy(rows, ({ tab }) => tab);
  const wanted = new Map([...ids].map(([tab, same]) => [tab, new Set(same.map(({ id }) => id))]));
  const { counts } = await readStanding(spreadsheetId, sheets, { wanted: (tab) => wanted.get(tab) });
  const landed = rows.filter(({ tab, id }) => counts.get(tab)?.has(id));
  const forgotten = await buffer.dropWritten(spreadsheetId, landed);
  if (forgotten > 0)
    log.warn(
      { spreadsheetId, forgotten },
      'rows of before this Redis stand in the sheet; they are not sent again',
    );
  return landed.length > 0;
}

/** Gives how many rows were still to be sent that stand in the spreadsheet `target`. */
async function forgetLanded(
  spreadsheetId: string,
  target: string,
  { buffer, sheets }: Pick<Collaborators, 'buffer' | 'sheets'>,
): Promise<number> {
  let forgotten = 0;
  for (const layout of await sheets.layout(target)) {
    const { tab, columns } = layout;
    const index = columns.get(idColumn);
    if (tab === undefined || index === undefined) continue;
    const ids = (await sheets.column(target, layout, index)).filter(Boolean);
    const landed = ids.map((id) => ({ tab, id }));
    forgotten += await buffer.dropWritten(spreadsheetId, landed);
  }
  return forgotten;
}
