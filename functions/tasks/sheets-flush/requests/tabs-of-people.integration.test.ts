import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startFlushing, type Flushing } from '../testing.ts';
import type { SheetRequest } from '../../../lib/sheets/sheets.ts';

let at: Flushing;
let sheet: string;
beforeAll(async () => {
  at = await startFlushing();
});
afterAll(() => at.close());
beforeEach(async () => {
  sheet = await at.begin();
});

const text = (stringValue: string) => ({ userEnteredValue: { stringValue } });
const row = (...texts: string[]) => ({ values: texts.map((one) => (one === '' ? {} : text(one))) });
async function sheetIdOf(title: string): Promise<number> {
  const found = (await at.sheets.layout(sheet)).find((one) => one.title === title);
  if (!found) throw new Error(`no tab ${title}`);
  return found.sheetId;
}

describe('a tab that somebody made beforehand', () => {
  const made = (...rows: string[][]): SheetRequest[] => [
    { addSheet: { properties: { sheetId: 77, title: 'form' } } },
    ...(rows.length === 0
      ? []
      : [
          {
            updateCells: {
              start: { sheetId: 77, rowIndex: 0, columnIndex: 0 },
              rows: rows.map((cells) => row(...cells)),
              fields: 'userEnteredValue',
            },
          },
        ]),
  ];

  it('gets its columns from the first on when it is empty', async () => {
    await at.sheets.apply(sheet, made());
    await at.push(sheet, 1);
    await at.flush();
    expect(await at.rows(sheet)).toEqual([
      ['id', 'time', 'name'],
      ['id-1', 't1', 'Name 1'],
    ]);
  });

  it('gets them to the right of what stands there, as does a field that appears later', async () => {
    await at.sheets.apply(sheet, made(['Notes', '', 'By'], ['call back']));
    await at.push(sheet, 1);
    await at.flush();
    await at.push(sheet, 2, { cells: { city: 'Pune' } });
    await at.flush();
    expect(await at.rows(sheet)).toEqual([
      ['Notes', '', 'By', 'id', 'time', 'name', 'city'],
      ['call back'],
      ['', '', '', 'id-1', 't1', 'Name 1'],
      ['', '', '', 'id-2', 't2', 'Name 2', 'Pune'],
    ]);
    expect((await at.sheets.layout(sheet)).find(({ tab }) => tab === 'form')?.columnCount).toBe(26);
  });

  it('grows when it has too few free columns', async () => {
    const cells = Array.from({ length: 25 }, (_, n) => `c${n}`);
    await at.sheets.apply(sheet, made(cells));
    await at.push(sheet, 1);
    expect((await at.flush()).failed).toEqual([]);
    expect((await at.rows(sheet))[0]).toEqual([...cells, 'id', 'time', 'name']);
  });
});

describe('a copy of a tab', () => {
  it.each(['made by us', 'made beforehand'])(
    'left of its original, %s, takes no row from it',
    async (how) => {
      if (how === 'made beforehand')
        await at.sheets.apply(sheet, [{ addSheet: { properties: { sheetId: 77, title: 'form' } } }]);
      await at.push(sheet, 1);
      await at.flush();
      const sourceSheetId = await sheetIdOf('form');
      await at.sheets.apply(sheet, [{ duplicateSheet: { sourceSheetId, insertSheetIndex: 0 } }]);
      await at.push(sheet, 2);
      expect((await at.flush()).failed).toEqual([]);
      const ids = async (title: string) => (await at.rows(sheet, title)).slice(1).map(([id]) => id);
      expect([await ids('form'), await ids('Copy of form')]).toEqual([['id-1', 'id-2'], ['id-1']]);
    },
  );

  it('takes the rows when the original is gone', async () => {
    await at.push(sheet, 1);
    await at.flush();
    const sourceSheetId = await sheetIdOf('form');
    await at.sheets.apply(sheet, [
      { duplicateSheet: { sourceSheetId } },
      { deleteSheet: { sheetId: sourceSheetId } },
    ]);
    await at.push(sheet, 2);
    await at.flush();
    expect((await at.rows(sheet, 'Copy of form')).slice(1).map(([id]) => id)).toEqual(['id-1', 'id-2']);
  });
});

describe('a text that is too long for a cell', () => {
  it.each([
    ['an emoji of two code units', '😀', 20],
    ['a family of several emoji', '👩‍👩‍👧‍👦', 5],
    ['a letter with its accent apart', 'e\u0301', 20],
  ])('is cut before %s, not in it', async (_, grapheme, count) => {
    for (let length = 49_985; length < 49_995; length += 1) {
      const n = length - 49_000;
      await at.push(sheet, n, { cells: { name: 'x'.repeat(length) + grapheme.repeat(count) } });
    }
    expect(await at.flush()).toMatchObject({ rows: 10, failed: [] });
    for (const [, , cell = ''] of (await at.rows(sheet)).slice(1)) {
      const [kept = '', mark] = cell.split(' … ');
      expect(mark).toBe('(cut)');
      expect(cell.isWellFormed()).toBe(true);
      expect(kept.replace(/^x+/, '').split(grapheme).join('')).toBe('');
      expect(cell.length).toBeLessThanOrEqual(50_000);
    }
  });

  it('is cut although it is one grapheme from end to end', async () => {
    await at.push(sheet, 1, { cells: { name: `e${'\u0301'.repeat(60_000)}` } });
    await at.flush();
    expect((await at.rows(sheet))[1]?.[2]?.length).toBeGreaterThan(49_000);
  });
});

it('half a character, which no text has, goes nowhere', async () => {
  await at.push(sheet, 1, { cells: { name: 'a\ud83db' } });
  expect((await at.flush()).failed).toEqual([]);
  expect((await at.rows(sheet))[1]?.[2]).toBe('a\ufffdb');
});
