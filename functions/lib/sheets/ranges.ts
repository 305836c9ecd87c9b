import type { TabLayout } from './layout.ts';

/** About 4 MB of ids. */
export const rowsOfAPage = 100_000;

/** How many rows are above each page of a column. */
export function pagesOf({ rowCount }: Pick<TabLayout, 'rowCount'>): number[] {
  return Array.from({ length: Math.ceil(rowCount / rowsOfAPage) }, (_, n) => n * rowsOfAPage);
}

/** A, B, …, Z, AA, … */
export function columnName(index: number): string {
  const last = String.fromCharCode(65 + (index % 26));
  return index < 26 ? last : columnName(Math.floor(index / 26) - 1) + last;
}
