import { invalid } from './google-error.ts';
import { seen } from './texts.ts';

/** A rectangle of a sheet, zero-based, ends exclusive. */
export interface Area {
  startRow: number;
  endRow: number;
  startColumn: number;
  endColumn: number;
}

interface Grid {
  title: string;
  hidden: boolean;
  rowCount: number;
  columns: readonly unknown[];
}

/**
 * Resolves A1 notation (`'Tab name'!A:A`, `Tab!A1:C5`, `Tab`, `A1:B2` for the first visible sheet) to a sheet and an
 * area of it; what reaches beyond the grid is cut off.
 * @throws GoogleError 400 for what cannot be read, names no sheet, or begins beyond the grid
 * @see https://developers.google.com/workspace/sheets/api/guides/concepts#cell
 */
export function parseRange<Sheet extends Grid>(
  range: string,
  sheets: readonly Sheet[],
): { sheet: Sheet; area: Area } {
  const unparsable = () => invalid(seen.unparsableRange(range));
  const titled = /^(?:'((?:[^']|'')+)'|([^'!]+))(?:!(.*))?$/s.exec(range);
  if (!titled) throw unparsable();
  const [, quoted, bare, cells] = titled;
  const title = quoted?.replaceAll("''", "'") ?? bare ?? '';
  // Like Google, tab names here are the same whether in upper or lower case.
  const named = sheets.find((sheet) => sheet.title.toLowerCase() === title.toLowerCase());
  if (cells === undefined && !quoted && !named) {
    const first = sheets.find(({ hidden }) => !hidden);
    const area = first && parseArea(title, first);
    if (!first || !area) throw unparsable();
    return { sheet: first, area: inside(area, first, range) };
  }
  if (!named) throw unparsable();
  const area = cells === undefined ? whole(named) : parseArea(cells, named);
  if (!area) throw unparsable();
  return { sheet: named, area: inside(area, named, range) };
}

/** `'It''s a tab'!A1:C5`, as Google returns a range. */
export function formatRange(title: string, { startRow, endRow, startColumn, endColumn }: Area): string {
  const name = /^[A-Za-z_]\w*$/.test(title) ? title : `'${title.replaceAll("'", "''")}'`;
  return `${name}!${columnName(startColumn)}${startRow + 1}:${columnName(endColumn - 1)}${endRow}`;
}

/** 0 → A, 25 → Z, 26 → AA. */
export function columnName(index: number): string {
  const letter = String.fromCharCode(65 + (index % 26));
  return index < 26 ? letter : columnName(Math.floor(index / 26) - 1) + letter;
}

function parseArea(text: string, grid: Grid): Area | undefined {
  const parts = /^([A-Za-z]{0,3})([1-9]\d*)?(?::([A-Za-z]{0,3})([1-9]\d*)?)?$/.exec(text);
  if (!parts || text === '') return undefined;
  const [, column = '', row, endColumn, endRow] = parts;
  const single = endColumn === undefined;
  // A column or a row alone is a name, not a cell; with a colon it is the whole column or row.
  if (single ? column === '' || row === undefined : !column !== !endColumn) return undefined;
  if (!single && (column === '' ? !row || !endRow : !row && endRow)) return undefined;
  const rows = [
    row ? Number(row) - 1 : 0,
    single ? Number(row) : endRow ? Number(endRow) : Infinity,
  ] as const;
  const columns =
    column === ''
      ? ([0, grid.columns.length] as const)
      : ([columnIndex(column), columnIndex(single ? column : (endColumn ?? '')) + 1] as const);
  return {
    startRow: Math.min(rows[0], rows[1] - 1),
    endRow: Math.max(rows[0] + 1, rows[1]),
    startColumn: Math.min(columns[0], columns[1] - 1),
    endColumn: Math.max(columns[0] + 1, columns[1]),
  };
}

function columnIndex(name: string): number {
  let index = 0;
  for (const letter of name.toUpperCase()) index = index * 26 + letter.charCodeAt(0) - 64;
  return index - 1;
}

const whole = ({ rowCount, columns }: Grid): Area => ({
  startRow: 0,
  endRow: rowCount,
  startColumn: 0,
  endColumn: columns.length,
});

function inside(area: Area, grid: Grid, range: string): Area {
  const { rowCount, columns } = grid;
  if (area.startRow >= rowCount || area.startColumn >= columns.length) {
    throw invalid(seen.beyondGrid(range, rowCount, columns.length));
  }
  return {
    ...area,
    endRow: Math.min(area.endRow, rowCount),
    endColumn: Math.min(area.endColumn, columns.length),
  };
}
