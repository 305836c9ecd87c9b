import type { Batch } from '../../lib/buffer/types.ts';
import { idColumn } from '../../lib/sheets/keys.ts';
import { continuations } from '../../lib/sheets/spreadsheet-pool.ts';
import { readStanding } from '../../lib/sheets/standing.ts';
import { parseToken } from './tokens.ts';
import type { Collaborators } from './types.ts';

/**
 * Brings the buffer and a spreadsheet together when their numbers disagree, or when this Redis has not written to it before:
 * rows that stand in the sheet are dropped, and numbers continue after the highest in the sheet.
 * @param sequence the number of the batch in flight, whose number is out of use here
 */
export async function reconcile(
  spreadsheetId: string,
  { buffer, sheets, log }: Collaborators,
  sequence?: number,
): Promise<void> {
  let highest = 0;
  let dropped = 0;
  let target = spreadsheetId;
  for (const one of await continuations(spreadsheetId, sheets)) {
    target = one;
    const tokens = await sheets.tokens(one);
    highest = Math.max(highest, ...tokens.map(({ sequence: number }) => number));
    if (tokens.length > 0) dropped += await dropRowsOf(spreadsheetId, one, { buffer, sheets });
  }
  if (highest > 0) {
    log.warn({ spreadsheetId, dropped }, 'rows compared with the sheet; rows that stand there are dropped');
  }
  await buffer.renumber(spreadsheetId, highest, target, sequence);
}

/**
 * Compares a batch that may have been written long ago with the sheet, by its token and then by its ids. Where rows of it stand there, they
 * are dropped and the others keep the batch's number, so that they cannot arrive beside a batch that another run is sending with it.
 */
export async function compareBatch(
  batch: Batch,
  { buffer, sheets, log }: Collaborators,
): Promise<'written' | 'rows dropped' | 'nothing there'> {
  const { spreadsheetId, target, sequence, digest, rows } = batch;
  const token = parseToken((await sheets.token(target, sequence)) ?? '');
  if (token?.content === digest) return 'written';
  const ids = Map.groupBy(rows, ({ tab }) => tab);
  const wanted = new Map([...ids].map(([tab, same]) => [tab, new Set(same.map(({ id }) => id))]));
  const { counts } = await readStanding(spreadsheetId, sheets, { wanted: (tab) => wanted.get(tab) });
  const standing = rows.filter(({ tab, id }) => counts.get(tab)?.has(id));
  const dropped = await buffer.dropWritten(spreadsheetId, standing);
  if (dropped > 0)
    log.warn(
      { spreadsheetId, dropped },
      'rows that this Redis does not know stand in the sheet; they are dropped',
    );
  return standing.length > 0 ? 'rows dropped' : 'nothing there';
}

/** Drops rows that stand in the spreadsheet `target`, and returns how many were still to be sent. */
async function dropRowsOf(
  spreadsheetId: string,
  target: string,
  { buffer, sheets }: Pick<Collaborators, 'buffer' | 'sheets'>,
): Promise<number> {
  let dropped = 0;
  for (const layout of await sheets.layout(target)) {
    const { tab, columns } = layout;
    const index = columns.get(idColumn);
    if (tab === undefined || index === undefined) continue;
    const ids = (await sheets.column(target, layout, index)).filter(Boolean);
    const standing = ids.map((id) => ({ tab, id }));
    dropped += await buffer.dropWritten(spreadsheetId, standing);
  }
  return dropped;
}
