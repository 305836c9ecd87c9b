import { idColumn } from '../../functions/lib/sheet-batch.ts';
import type { TabLayout } from '../../functions/lib/sheets.ts';
import type { AuditedBuffer } from './buffer.ts';
import type { ReadSheets } from './quota.ts';
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
    refused: new Set(),
    inSheet: new Map(),
    parked: [],
    unreadable: [],
  };
  for (const spreadsheetId of spreadsheets) {
    const { pending, frozen, refused, parked } = await buffer.states(spreadsheetId);
    const key = (member: string) => `${spreadsheetId}\n${member}`;
    for (const member of pending) found.buffered.add(key(member));
    for (const member of frozen) found.frozen.add(key(member));
    for (const member of refused) found.refused.add(key(member));
    if (parked) found.parked.push({ spreadsheetId, ...parked });
    try {
      for (const { tab, ids } of await readTabs(sheets, spreadsheetId)) {
        for (const [id, standing] of ids ?? []) {
          const place = keyOf({ spreadsheetId, tab, id });
          // A tab that a person copied has the same binding: an id that stands once in each of the two is not doubled.
          found.inSheet.set(place, Math.max(standing, found.inSheet.get(place) ?? 0));
        }
        if (!ids) found.unreadable.push({ spreadsheetId, tab, reason: 'its hidden column of ids is gone' });
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      found.unreadable.push({ spreadsheetId, tab: undefined, reason });
    }
  }
  return found;
}

export interface ReadTab {
  tab: string;
  /** How often each id stands there; undefined when the tab has no column of ids. */
  ids: Map<string, number> | undefined;
  /** Likewise what stands in the column of times; empty when it was not asked for. */
  times: Map<string, number>;
}

/**
 * Reads the ids, and if wanted the times, that stand in Formbus's tabs.
 * @throws SheetsError, or Error when people move columns all the while
 */
export async function readTabs(
  sheets: ReadSheets,
  spreadsheetId: string,
  { withTimes = false } = {},
): Promise<ReadTab[]> {
  for (let tries = 0; tries < 3; tries += 1) {
    const layout = await sheets.layout(spreadsheetId);
    const read: ReadTab[] = [];
    for (const tab of layout) {
      if (tab.tab === undefined) continue;
      const column = async (key: string) => {
        const index = tab.columns.get(key);
        return index === undefined ? undefined : countsOf(await sheets.column(spreadsheetId, tab, index));
      };
      read.push({
        tab: tab.tab,
        ids: await column(idColumn),
        times: (withTimes && (await column('@time'))) || new Map(),
      });
    }
    // A column is read by its letter: had somebody moved it in between, the column of ids would seem to hold none.
    if (bindingsOf(await sheets.layout(spreadsheetId)) === bindingsOf(layout)) return read;
  }
  throw new Error('somebody moves columns or tabs while it is read; try again');
}

function bindingsOf(layout: TabLayout[]): string {
  return JSON.stringify(
    layout.map(({ sheetId, title, tab, columns }) => [sheetId, title, tab, [...columns]]),
  );
}

function countsOf(texts: string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}
