import { describe, expect, test } from 'vitest';
import { columnName, formatRange, parseRange } from './a1.ts';

const grid = (title: string, hidden = false) => ({
  title,
  hidden,
  rowCount: 10,
  columns: Array.from({ length: 30 }),
});
const sheets = [grid('Hidden', true), grid('Tab'), grid("It's 5!"), grid('A1')];

describe('parseRange', () => {
  test.each([
    ['Tab', 'Tab!A1:AD10'],
    ['tab', 'Tab!A1:AD10'],
    ['Tab!A1:C5', 'Tab!A1:C5'],
    ['Tab!C5:A1', 'Tab!A1:C5'],
    ['Tab!b2', 'Tab!B2:B2'],
    ['Tab!A:A', 'Tab!A1:A10'],
    ['Tab!B:D', 'Tab!B1:D10'],
    ['Tab!2:3', 'Tab!A2:AD3'],
    ['Tab!A5:A', 'Tab!A5:A10'],
    ['Tab!A5:B100', 'Tab!A5:B10'],
    ["'It''s 5!'!A:A", "'It''s 5!'!A1:A10"],
    ["'It''s 5!'", "'It''s 5!'!A1:AD10"],
    ['B2:C3', 'Tab!B2:C3'],
    ['A1', 'A1!A1:AD10'],
  ])('reads %s as %s', (range, expected) => {
    const { sheet, area } = parseRange(range, sheets);
    expect(formatRange(sheet.title, area)).toBe(expected);
  });

  test.each([
    '',
    'Nowhere',
    'Nowhere!A1',
    'Tab!',
    'Tab!A0',
    'Tab!:',
    'Tab!A1:',
    'Tab!A',
    'Tab!5',
    'Tab!A1:B2:C3',
    "'Tab",
  ])('refuses %j as Google words it', (range) => {
    expect(() => parseRange(range, sheets)).toThrow(`Unable to parse range: ${range}`);
  });

  test('refuses a range that begins beyond the grid', () => {
    expect(() => parseRange('Tab!A11', sheets)).toThrow(
      'Range (Tab!A11) exceeds grid limits. Max rows: 10, max columns: 30',
    );
    expect(() => parseRange('Tab!AE1', sheets)).toThrow('exceeds grid limits');
  });
});

test('columns are named as in a spreadsheet', () => {
  expect([0, 25, 26, 51, 52, 701, 702].map(columnName)).toEqual(['A', 'Z', 'AA', 'AZ', 'BA', 'ZZ', 'AAA']);
});
