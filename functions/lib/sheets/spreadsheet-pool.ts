import type { TabLayout } from './layout.ts';
import type { Sheets } from './sheets.ts';

/** https://support.google.com/drive/answer/37603: 10 million cells, the empty ones of every tab's grid included. */
const maxCells = 10_000_000;
/** The share from which on rows continue in the next spreadsheet. The rest has room for the batch in flight. */
const fullAt = 0.8;

/** Whether a spreadsheet is so full that the next batch should go to another; `rows` were just added. */
export function isFull(layout: TabLayout[], rows = 0): boolean {
  const cells = layout.map(({ rowCount, columnCount }) => rowCount * columnCount);
  const widest = Math.max(0, ...layout.map(({ columnCount }) => columnCount));
  return cells.reduce((sum, one) => sum + one, 0) + rows * widest >= maxCells * fullAt;
}

/** A spreadsheet and the spreadsheets in which its rows continued, in this order. @throws SheetsError */
export async function continuations(
  spreadsheetId: string,
  sheets: Pick<Sheets, 'successor'>,
): Promise<string[]> {
  const found = new Set<string>();
  for (let one: string | undefined = spreadsheetId; one !== undefined && !found.has(one);) {
    found.add(one);
    one = await sheets.successor(one);
  }
  return [...found];
}
