import type { Cells, FrozenBatch } from './buffer.ts';
import { metadataKeys, type SheetRequest, type TabLayout } from './sheets.ts';

/** Keys of the columns that Formbus adds to a submission's own; a form's field can't begin with @. */
export const idColumn = '@id';

/** https://support.google.com/drive/answer/37603: a cell holds 50,000 characters. */
const maxCell = 50_000;
const cutMark = ' … (cut)';

/**
 * The requests that write a frozen batch, for one atomic batchUpdate. First the token: its id is the batch's sequence number,
 * and as an id can't be given twice, Google refuses the whole batch when it has landed before.
 */
export function batchRequests(batch: FrozenBatch, layout: TabLayout[]): SheetRequest[] {
  const requests: SheetRequest[] = [tokenRequest(batch.sequence, batch.digest)];
  const taken: Taken = {
    ids: new Set(layout.map(({ sheetId }) => sheetId)),
    titles: new Set(layout.map(({ title }) => title.toLowerCase())),
  };
  for (const [tab, rows] of Map.groupBy(batch.rows, (row) => row.tab)) {
    const cells = rows.map((row) => ({ [idColumn]: row.id, ...row.cells }));
    const keys = [...new Set(cells.flatMap((row) => Object.keys(row)))];
    const found =
      layout.find((sheet) => sheet.tab === tab) ??
      layout.find((sheet) => sheet.title === tab && sheet.tab === undefined);
    const { sheetId, columns, prepare } = found ? extendTab(found, tab, keys) : addTab(tab, keys, taken);
    requests.push(...prepare, appendRequest(sheetId, columns, cells));
  }
  return requests;
}

/** Gives a number to `value`, for good: the digest of the rows that come with it. */
export function tokenRequest(sequence: number, value: string): SheetRequest {
  return metadata(metadataKeys.batch, value, { spreadsheet: true }, { metadataId: sequence });
}

/** Writes into a full spreadsheet in which one its rows go on. */
export function successorRequest(spreadsheetId: string): SheetRequest {
  return metadata(metadataKeys.next, spreadsheetId, { spreadsheet: true });
}

/** The requests that delete the tokens of these batches. */
export function forgetRequests(sequences: number[]): SheetRequest[] {
  return sequences.map((metadataId) => ({
    deleteDeveloperMetadata: { dataFilter: { developerMetadataLookup: { metadataId } } },
  }));
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

/** What has to be done to a tab first, and the column indexes that then hold. */
interface ReadyTab {
  sheetId: number;
  columns: Map<string, number>;
  prepare: SheetRequest[];
}

/** What a new tab can't have. Google tells titles apart without regard to case. */
interface Taken {
  ids: Set<number>;
  titles: Set<string>;
}

/** A new tab with exactly the columns it needs: empty cells count towards the 10 million of a spreadsheet, too. */
function addTab(tab: string, keys: string[], taken: Taken): ReadyTab {
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
    bindTab(sheetId, tab),
    ...bindColumns(sheetId, keys, 0),
  ];
  return { sheetId, columns, prepare };
}

function extendTab(layout: TabLayout, tab: string, keys: string[]): ReadyTab {
  const { sheetId, columnCount } = layout;
  const added = keys.filter((key) => !layout.columns.has(key));
  const columns = new Map([
    ...layout.columns,
    ...added.map((key, i): [string, number] => [key, columnCount + i]),
  ]);
  const prepare = stillThere(layout, keys);
  if (layout.tab === undefined) prepare.push(bindTab(sheetId, tab));
  if (added.length > 0) {
    prepare.push(
      { appendDimension: { sheetId, dimension: 'COLUMNS', length: added.length } },
      ...bindColumns(sheetId, added, columnCount),
    );
  }
  return { sheetId, columns, prepare };
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

function bindTab(sheetId: number, tab: string): SheetRequest {
  return metadata(metadataKeys.tab, tab, { sheetId });
}

/** Column headings, the binding of each column to its key, and the column of ids hidden. */
function bindColumns(sheetId: number, keys: string[], first: number): SheetRequest[] {
  const requests = keys.map((key, i) => metadata(metadataKeys.column, key, columnAt(sheetId, first + i)));
  const headings = keys.map((key) => ({ userEnteredValue: { stringValue: key.replace(/^@/, '') } }));
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

function appendRequest(sheetId: number, columns: Map<string, number>, rows: Cells[]): SheetRequest {
  const keys = new Set(rows.flatMap((row) => Object.keys(row)));
  const width = Math.max(...[...keys].map((key) => columns.get(key) ?? 0)) + 1;
  const filled = rows.map((row) => {
    const values: { userEnteredValue?: ReturnType<typeof cell> }[] = Array.from(
      { length: width },
      () => ({}),
    );
    for (const [key, value] of Object.entries(row)) {
      const index = columns.get(key);
      if (index !== undefined && value !== '') values[index] = { userEnteredValue: cell(value) };
    }
    return { values };
  });
  return { appendCells: { sheetId, rows: filled, fields: 'userEnteredValue' } };
}

/** Texts are texts, never formulas, whatever they begin with. */
function cell(value: string | number | boolean) {
  if (typeof value === 'number') return { numberValue: value };
  if (typeof value === 'boolean') return { boolValue: value };
  return { stringValue: value.length > maxCell ? value.slice(0, maxCell - cutMark.length) + cutMark : value };
}

/** The same tab gets the same id each time (FNV-1a, 31 bits), so that a batch that is sent again is the same batch. */
function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (const char of Buffer.from(text)) sum = Math.imul(sum ^ char, 0x01000193);
  return sum >>> 1;
}
