import { idColumn, timeColumn } from './keys.ts';
import type { TabLayout } from './layout.ts';
import { pagesOf } from './ranges.ts';
import { timeIn } from './sheet-cells.ts';
import { type Sheets } from './sheets.ts';
import { continuations } from './spreadsheet-pool.ts';

/** The calls that only read. */
export type ReadSheets = Pick<Sheets, 'layout' | 'page' | 'successor'>;

export interface ReadTab {
  tab: string;
  /** How often the tab holds each id; undefined when the tab has no column of ids. */
  ids: Map<string, number> | undefined;
  /** How often the column of times holds each time, in ISO 8601; empty when not asked for. */
  times: Map<string, number>;
}

export interface ReadOptions {
  withTimes?: boolean;
  /** The ids to look for in a tab; undefined to skip the tab. By default all ids in all tabs. */
  wanted?: (tab: string) => { has(id: string): boolean } | undefined;
}

/** How often ids are in a spreadsheet and those in which its rows continued. */
export interface Standing {
  /** By tab and id. A tab that does not exist (any more) is left out. */
  counts: Map<string, Map<string, number>>;
  /** Tabs whose hidden column of ids is gone. */
  unreadable: Set<string>;
  /** The spreadsheet and its continuations. */
  chain: string[];
}

/** @throws SheetsError, or Error when people keep moving columns */
export async function readStanding(
  spreadsheetId: string,
  sheets: ReadSheets,
  options: ReadOptions = {},
): Promise<Standing> {
  const chain = await continuations(spreadsheetId, sheets);
  const standing: Standing = { counts: new Map(), unreadable: new Set(), chain };
  for (const one of chain) {
    const tabs = await readTabs(sheets, one, options);
    for (const [tab, copies] of Map.groupBy(tabs, (read) => read.tab)) {
      const counts = standing.counts.get(tab) ?? new Map<string, number>();
      standing.counts.set(tab, counts);
      if (copies.some(({ ids }) => !ids)) standing.unreadable.add(tab);
      for (const [id, count] of mostOf(copies)) counts.set(id, count + (counts.get(id) ?? 0));
    }
  }
  return standing;
}

/** A tab that a person copied has the same binding: an id that is once in each of the two is not duplicated. */
function mostOf([first, ...copies]: ReadTab[]): Map<string, number> {
  const most = first?.ids ?? new Map<string, number>();
  for (const { ids = new Map<string, number>() } of copies)
    for (const [id, count] of ids) most.set(id, Math.max(count, most.get(id) ?? 0));
  return most;
}

/**
 * Reads the ids, and if wanted the times, in Formbus's tabs, 100,000 rows at a time.
 * @throws SheetsError, or Error when people keep moving columns
 */
export async function readTabs(
  sheets: Pick<ReadSheets, 'layout' | 'page'>,
  spreadsheetId: string,
  { withTimes = false, wanted = () => everything }: ReadOptions = {},
): Promise<ReadTab[]> {
  for (let tries = 0; tries < 3; tries += 1) {
    const layout = await sheets.layout(spreadsheetId);
    const read: ReadTab[] = [];
    for (const tab of layout) {
      const ids = tab.tab === undefined ? undefined : wanted(tab.tab);
      if (tab.tab === undefined || !ids) continue;
      const column = async (key: string, texts: { has(text: string): boolean }) => {
        const index = tab.columns.get(key);
        if (index === undefined) return undefined;
        const counts = new Map<string, number>();
        for (const above of pagesOf(tab))
          count(await sheets.page(spreadsheetId, tab, index, above), texts, counts);
        return counts;
      };
      read.push({
        tab: tab.tab,
        ids: await column(idColumn, ids),
        times: byTime((withTimes && (await column(timeColumn, everything))) || new Map()),
      });
    }
    // A column is read by its letter: if somebody moved it in between, the column of ids would seem to hold none.
    if (bindingsOf(await sheets.layout(spreadsheetId)) === bindingsOf(layout)) return read;
  }
  throw new Error('somebody moved columns or tabs while they were read; try again');
}

/** Times are numbers in new rows and texts in old ones. */
function byTime(cells: Map<string, number>): Map<string, number> {
  const times = new Map<string, number>();
  for (const [cell, count] of cells) times.set(timeIn(cell), count + (times.get(timeIn(cell)) ?? 0));
  return times;
}

/** All but the heading of the column of ids, wherever it was sorted to: people sort headings away, and delete them. */
const everything = { has: (text: string) => text !== 'id' };

function count(texts: string[], wanted: { has(text: string): boolean }, counts: Map<string, number>) {
  for (const text of texts)
    if (text !== '' && wanted.has(text)) counts.set(text, (counts.get(text) ?? 0) + 1);
}

function bindingsOf(layout: TabLayout[]): string {
  return JSON.stringify(
    layout.map(({ sheetId, title, tab, columns }) => [sheetId, title, tab, [...columns]]),
  );
}
