import type { Batch, Cells } from '../../../lib/buffer/types.ts';
import type { SheetColumns } from '../../../lib/form-schema/sheet-columns.ts';
import { idColumn } from '../../../lib/sheets/keys.ts';
import type { TabLayout } from '../../../lib/sheets/layout.ts';
import type { SheetRequest } from '../../../lib/sheets/sheets.ts';
import { bindColumns, bindTab, stillThere, type Headings } from './bindings.ts';

/** The columns for a tab's fields; fields that it does not name are texts under their own names. */
export type ColumnsOf = (tab: string) => SheetColumns;
export const noColumns: ColumnsOf = () => ({});

/** For each tab of the rows: what has to be done to it first, and its rows' cells with their ids. */
export function readyTabs(
  rows: Batch['rows'],
  layout: TabLayout[],
  columnsOf: ColumnsOf,
): (ReadyTab & { tab: string; cells: Cells[] })[] {
  const taken: Taken = {
    ids: new Set(layout.map(({ sheetId }) => sheetId)),
    titles: new Set(layout.map(({ title }) => title.toLowerCase())),
  };
  return [...Map.groupBy(rows, (row) => row.tab)].map(([tab, same]) => {
    const cells = same.map((row) => ({ [idColumn]: row.id, ...row.cells }));
    const keys = [...new Set(cells.flatMap((row) => Object.keys(row)))];
    const found = tabIn(layout, tab);
    const titles = columnsOf(tab);
    const ready = found ? extendTab(found, tab, { keys, titles }) : addTab(tab, { keys, titles }, taken);
    return { ...ready, tab, cells };
  });
}

/** Tabs that lack a column for a field of the rows. */
export function growingTabs(rows: Batch['rows'], layout: TabLayout[]): TabLayout[] {
  return [...Map.groupBy(rows, (row) => row.tab)].flatMap(([tab, same]) => {
    const found = tabIn(layout, tab);
    const lacks = (key: string) => !found?.columns.has(key);
    return found && same.some(({ cells }) => [idColumn, ...Object.keys(cells)].some(lacks)) ? [found] : [];
  });
}

/** Where a tab's rows go: to the sheet that is bound to it, else to an unbound sheet of its name. Of copies that a person made, to the original. */
export function tabIn(layout: TabLayout[], tab: string): TabLayout | undefined {
  const bound = layout.filter((sheet) => sheet.tab === tab);
  return (
    bound.find(({ sheetId, boundAs }) => sheetId === boundAs) ??
    // Tabs of older versions do not name the sheet that they are bound to.
    bound.find(({ sheetId }) => sheetId === hash(tab)) ??
    bound[0] ??
    layout.find((sheet) => sheet.title === tab && sheet.tab === undefined)
  );
}

/** What has to be done to a tab first, and the column indexes that then hold. */
interface ReadyTab {
  sheetId: number;
  /** How many rows its grid has; undefined for a tab that does not exist yet. */
  rowCount: number | undefined;
  columns: Map<string, number>;
  prepare: SheetRequest[];
}

/** Ids and titles that a new tab cannot have. Google compares titles without regard to case. */
interface Taken {
  ids: Set<number>;
  titles: Set<string>;
}

/** A new tab with exactly the columns it needs: empty cells count towards the 10 million of a spreadsheet, too. */
function addTab(tab: string, { keys, titles }: Headings, taken: Taken): ReadyTab {
  let sheetId = hash(tab);
  while (taken.ids.has(sheetId)) sheetId = (sheetId + 1) % 2 ** 31;
  let title = tab;
  for (let n = 2; taken.titles.has(title.toLowerCase()); n += 1) title = `${tab} (${n})`;
  taken.ids.add(sheetId);
  taken.titles.add(title.toLowerCase());
  const columns = new Map(keys.map((key, index) => [key, index]));
  // Google refuses a sheet that has frozen rows only.
  const gridProperties = { rowCount: 2, columnCount: keys.length, frozenRowCount: 1 };
  const prepare: SheetRequest[] = [
    { addSheet: { properties: { sheetId, title, gridProperties } } },
    ...bindTab(sheetId, tab),
    ...bindColumns(sheetId, { keys, titles }, 0),
  ];
  return { sheetId, rowCount: undefined, columns, prepare };
}

function extendTab(layout: TabLayout, tab: string, { keys, titles }: Headings): ReadyTab {
  const { sheetId, columnCount, free } = layout;
  const added = keys.filter((key) => !layout.columns.has(key));
  const columns = new Map([...layout.columns, ...added.map((key, i): [string, number] => [key, free + i])]);
  const prepare = stillThere(layout, keys);
  if (layout.tab === undefined) prepare.push(...bindTab(sheetId, tab));
  const lacking = free + added.length - columnCount;
  if (lacking > 0) prepare.push({ appendDimension: { sheetId, dimension: 'COLUMNS', length: lacking } });
  if (added.length > 0) prepare.push(...bindColumns(sheetId, { keys: added, titles }, free));
  return { sheetId, rowCount: layout.rowCount, columns, prepare };
}

/** The same tab gets the same id each time (FNV-1a, 31 bits), so that a batch that is sent again is the same batch. */
function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (const char of Buffer.from(text)) sum = Math.imul(sum ^ char, 0x01000193);
  return sum >>> 1;
}
