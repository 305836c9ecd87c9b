import type { Collaborators } from './types.ts';
import { belongsTo } from '../../lib/buffer/erasure.ts';
import { idColumn } from '../../lib/sheets/keys.ts';
import type { TabLayout } from '../../lib/sheets/layout.ts';
import { SheetsError } from '../../lib/sheets/sheets-error.ts';
import { eraseRequests, type FoundRow } from './requests/erase.ts';
import { continuations } from '../../lib/sheets/spreadsheet-pool.ts';

/** People may keep sorting and moving rows; a row that is no longer where it was seen is looked for again. */
const mostTries = 5;

/**
 * Takes the rows of submissions out of a spreadsheet and those in which it continues, tab by tab. A row is only deleted where its id stands at
 * that very moment. It may stop anywhere and be repeated. None of the rows may be in flight.
 * @throws Error when some rows still stand there after some tries, SheetsError
 */
export async function eraseRows(
  spreadsheetId: string,
  ids: string[],
  { sheets, log }: Pick<Collaborators, 'sheets' | 'log'>,
): Promise<void> {
  for (const target of await continuations(spreadsheetId, sheets)) {
    let refusal: SheetsError | undefined;
    for (let tries = 1; ; tries += 1) {
      const found: FoundRow[] = [];
      for (const tab of await sheets.layout(target)) found.push(...(await rowsIn(target, tab, ids, sheets)));
      if (found.length === 0) break;
      if (tries > mostTries)
        throw new Error(`${found.length} rows cannot be erased from ${target}, or people keep moving them`, {
          cause: refusal,
        });
      for (const same of Map.groupBy(found, ({ tab }) => tab).values()) {
        try {
          await sheets.apply(target, eraseRequests(same));
          log.info({ spreadsheetId, target, rows: same.length }, 'rows erased');
        } catch (error) {
          // The tab is protected, or somebody has moved the column of ids, or deleted the rows or the tab.
          if (!(error instanceof SheetsError && error.status === 400)) throw error;
          refusal = error;
        }
      }
    }
  }
}

async function rowsIn(
  target: string,
  tab: TabLayout,
  ids: string[],
  sheets: Collaborators['sheets'],
): Promise<FoundRow[]> {
  const index = tab.columns.get(idColumn);
  if (tab.tab === undefined || index === undefined) return [];
  const standing = await sheets.column(target, tab, index);
  return standing.flatMap((rowId, row) =>
    ids.some((id) => belongsTo(rowId, id)) ? [{ tab, rowId, row }] : [],
  );
}
