import type { Cells, FrozenBatch } from '../../../lib/buffer/buffer.ts';
import { cellOf, type SheetCell } from '../../../lib/sheets/sheet-cells.ts';
import type { SheetColumns } from '../../../lib/schema/sheet-columns.ts';
import type { TabLayout } from '../../../lib/sheets/layout.ts';
import { idColumn, metadataKeys } from '../../../lib/sheets/keys.ts';
import type { SheetRequest } from '../../../lib/sheets/sheets.ts';
import { fenced, tokenValue } from '../tokens.ts';

/**
 * The requests that write a frozen batch, for one atomic batchUpdate. First the token: its id is the batch's sequence number,
 * and as an id can't be given twice, Google refuses the whole batch when it has landed before.
 */
export function batchRequests(
  batch: FrozenBatch,
  layout: TabLayout[],
  columnsOf: ColumnsOf = noColumns,
): SheetRequest[] {
  const requests: SheetRequest[] = [tokenRequest(batch, batch.digest)];
  for (const { tab, sheetId, columns, prepare, cells } of readyTabs(batch.rows, layout, columnsOf))
    requests.push(...prepare, appendRequest(sheetId, columns, cells, columnsOf(tab)));
  return requests;
}

/** What the fields are that stand in a tab; those that it lacks are texts under their names. */
export type ColumnsOf = (tab: string) => SheetColumns;
const noColumns: ColumnsOf = () => ({});

/** Takes a batch's number out of use, so that whatever of it is still on its way can't land any more. */
export function fenceRequest(batch: FrozenBatch): SheetRequest {
  return tokenRequest(batch, fenced);
}

/**
 * The requests that do to the tabs of a batch what it does, with a row of short texts that does not stay. They are refused where the tabs
 * themselves are at fault.
 */
export function probeRequests(
  { rows }: Pick<FrozenBatch, 'rows'>,
  layout: TabLayout[],
  columnsOf: ColumnsOf = noColumns,
): SheetRequest[] {
  return readyTabs(rows, layout, columnsOf).flatMap(({ sheetId, columns, prepare, cells, rowCount }) => {
    const row = Object.fromEntries(cells.flatMap((one) => Object.keys(one)).map((key) => [key, '-']));
    if (rowCount === undefined)
      return [...prepare, appendRequest(sheetId, columns, [row], {}), { deleteSheet: { sheetId } }];
    const start = { sheetId, rowIndex: rowCount, columnIndex: 0 };
    const range = { sheetId, dimension: 'ROWS', startIndex: rowCount, endIndex: rowCount + 1 };
    return [
      ...prepare,
      // Put in, so that it is a row of its own whatever has been added meanwhile.
      { insertDimension: { range, inheritFromBefore: true } },
      ...Object.keys(row).map((key) => ({
        updateCells: {
          start: { ...start, columnIndex: columns.get(key) ?? 0 },
          rows: [{ values: [cellOf('-', 'text')] }],
          fields: 'userEnteredValue',
        },
      })),
      { deleteDimension: { range } },
    ];
  });
}

function tokenRequest(batch: FrozenBatch, content: string): SheetRequest {
  const value = tokenValue(batch, content);
  return metadata(metadataKeys.batch, value, { spreadsheet: true }, { metadataId: batch.sequence });
}

function readyTabs(
  rows: FrozenBatch['rows'],
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
export function growingTabs(rows: FrozenBatch['rows'], layout: TabLayout[]): TabLayout[] {
  return [...Map.groupBy(rows, (row) => row.tab)].flatMap(([tab, same]) => {
    const found = tabIn(layout, tab);
    const lacks = (key: string) => !found?.columns.has(key);
    return found && same.some(({ cells }) => [idColumn, ...Object.keys(cells)].some(lacks)) ? [found] : [];
  });
}

/** Where a tab's rows go: what is bound to it, else what has its name and is bound to none. Of copies that a person made, the original. */
export function tabIn(layout: TabLayout[], tab: string): TabLayout | undefined {
  const bound = layout.filter((sheet) => sheet.tab === tab);
  return (
    bound.find(({ sheetId, boundAs }) => sheetId === boundAs) ??
    // Before tabs said which one they are.
    bound.find(({ sheetId }) => sheetId === hash(tab)) ??
    bound[0] ??
    layout.find((sheet) => sheet.title === tab && sheet.tab === undefined)
  );
}

/** Writes into a full spreadsheet in which one its rows go on. */
export function successorRequest(spreadsheetId: string): SheetRequest {
  return metadata(metadataKeys.next, spreadsheetId, { spreadsheet: true });
}

/** A row of a tab by its index from 0, where its id was seen. */
export interface FoundRow {
  tab: TabLayout;
  rowId: string;
  row: number;
}

/**
 * The requests that delete rows, each only if its id still stands where it was seen: a row with the same id is put in above it, and
 * Google deletes what is the same below. Whatever else has come to that place stays. The one put in goes again; an empty
 * row may be left, for it is not said whether Google deletes or empties it.
 */
export function eraseRequests(found: FoundRow[]): SheetRequest[] {
  const requests: SheetRequest[] = [];
  for (const [tab, rows] of Map.groupBy(found, (one) => one.tab)) {
    const { sheetId, columnCount } = tab;
    const column = tab.columns.get(idColumn) ?? 0;
    requests.push(...stillThere(tab, [idColumn]));
    // From below, so that those above stay where they are.
    for (const { row, rowId } of rows.toSorted((a, b) => b.row - a.row)) {
      const range = { sheetId, dimension: 'ROWS', startIndex: row, endIndex: row + 1 };
      const rowsOfId = [{ values: [{ userEnteredValue: { stringValue: rowId } }] }];
      const start = { sheetId, rowIndex: row, columnIndex: column };
      const both = {
        sheetId,
        startRowIndex: row,
        endRowIndex: row + 2,
        startColumnIndex: 0,
        endColumnIndex: columnCount,
      };
      requests.push(
        { insertDimension: { range, inheritFromBefore: false } },
        { updateCells: { start, rows: rowsOfId, fields: 'userEnteredValue' } },
        { deleteDuplicates: { range: both, comparisonColumns: [columnAt(sheetId, column).dimensionRange] } },
        { deleteDimension: { range } },
      );
    }
  }
  return requests;
}

interface Headings {
  keys: string[];
  titles: SheetColumns;
}

/** What has to be done to a tab first, and the column indexes that then hold. */
interface ReadyTab {
  sheetId: number;
  /** How many rows its grid has; undefined for one that is not there yet. */
  rowCount: number | undefined;
  columns: Map<string, number>;
  prepare: SheetRequest[];
}

/** What a new tab can't have. Google tells titles apart without regard to case. */
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
  // Google lets no sheet have frozen rows only.
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

/**
 * Requests that make Google refuse the batch when somebody has moved or deleted a column since the look at the layout. A binding is
 * deleted at the place where it was, and made again with the same id: somewhere else it is not deleted, and no id can be given twice.
 * Of a column that was deleted the id is free, but then the tab has no longer the last column, which gets something bound to it for a moment.
 */
function stillThere(layout: TabLayout, keys: string[]): SheetRequest[] {
  const last = columnAt(layout.sheetId, layout.columnCount - 1);
  const developerMetadataLookup = { metadataKey: metadataKeys.last };
  return [
    metadata(metadataKeys.last, '-', last),
    { deleteDeveloperMetadata: { dataFilter: { developerMetadataLookup } } },
    ...keys.flatMap((key) => bindAgain(layout, key)),
  ];
}

function bindAgain({ sheetId, columns, bindings }: TabLayout, key: string): SheetRequest[] {
  const metadataId = bindings.get(key);
  const index = columns.get(key);
  if (metadataId === undefined || index === undefined) return [];
  const metadataLocation = columnAt(sheetId, index);
  const developerMetadataLookup = {
    metadataId,
    metadataLocation,
    locationMatchingStrategy: 'EXACT_LOCATION',
  };
  return [
    { deleteDeveloperMetadata: { dataFilter: { developerMetadataLookup } } },
    metadata(metadataKeys.column, key, metadataLocation, { metadataId }),
  ];
}

/** A copy that a person makes of the tab has the same metadata, and another id. */
function bindTab(sheetId: number, tab: string): SheetRequest[] {
  return [
    metadata(metadataKeys.tab, tab, { sheetId }),
    metadata(metadataKeys.sheet, String(sheetId), { sheetId }),
  ];
}

/** Column headings, the binding of each column to its key, and the column of ids hidden. */
function bindColumns(sheetId: number, { keys, titles }: Headings, first: number): SheetRequest[] {
  const requests = keys.map((key, i) => metadata(metadataKeys.column, key, columnAt(sheetId, first + i)));
  const headings = keys.map((key) => ({
    userEnteredValue: { stringValue: titles[key]?.title ?? key.replace(/^@/, '') },
  }));
  const start = { sheetId, rowIndex: 0, columnIndex: first };
  requests.push({ updateCells: { start, rows: [{ values: headings }], fields: 'userEnteredValue' } });
  const id = keys.indexOf(idColumn);
  if (id >= 0) {
    const { dimensionRange: range } = columnAt(sheetId, first + id);
    requests.push({
      updateDimensionProperties: { range, properties: { hiddenByUser: true }, fields: 'hiddenByUser' },
    });
  }
  return requests;
}

type Location = NonNullable<
  NonNullable<NonNullable<SheetRequest['createDeveloperMetadata']>['developerMetadata']>['location']
>;

function columnAt(sheetId: number, index: number) {
  return { dimensionRange: { sheetId, dimension: 'COLUMNS', startIndex: index, endIndex: index + 1 } };
}

/** Google gives an id when none is said. */
function metadata(
  metadataKey: string,
  metadataValue: string,
  location: Location,
  id: { metadataId?: number } = {},
): SheetRequest {
  return {
    createDeveloperMetadata: {
      developerMetadata: { ...id, metadataKey, metadataValue, location, visibility: 'DOCUMENT' },
    },
  };
}

function appendRequest(
  sheetId: number,
  columns: Map<string, number>,
  rows: Cells[],
  fields: SheetColumns,
): SheetRequest {
  const keys = new Set(rows.flatMap((row) => Object.keys(row)));
  const width = Math.max(...[...keys].map((key) => columns.get(key) ?? 0)) + 1;
  const filled = rows.map((row) => {
    const values: (SheetCell | Record<string, never>)[] = Array.from({ length: width }, () => ({}));
    for (const [key, value] of Object.entries(row)) {
      const index = columns.get(key);
      const kind = key === '@time' ? 'time' : (fields[key]?.kind ?? 'text');
      if (index !== undefined && value !== '') values[index] = cellOf(value, kind);
    }
    return { values };
  });
  return {
    appendCells: { sheetId, rows: filled, fields: 'userEnteredValue,userEnteredFormat.numberFormat' },
  };
}

/** The same tab gets the same id each time (FNV-1a, 31 bits), so that a batch that is sent again is the same batch. */
function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (const char of Buffer.from(text)) sum = Math.imul(sum ^ char, 0x01000193);
  return sum >>> 1;
}
