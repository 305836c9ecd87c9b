import * as fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import * as v from 'valibot';
import { startFlushing, type Flushing } from '../testing.ts';
import { recordedLog } from '../../../testing/log.ts';
import { decimal } from '../../../lib/fields/decimal.ts';
import { openSheetColumns } from '../../../lib/form/open-sheet-columns.ts';
import { cellOf, timeIn } from '../../../lib/sheets/sheet-cells.ts';
import { sharedColumns, sheetColumns } from '../../../lib/form-schema/sheet-columns.ts';

let at: Flushing;
let sheet: string;
beforeAll(async () => {
  at = await startFlushing();
});
afterAll(() => at.close());
beforeEach(async () => {
  sheet = await at.begin();
});

const columnsOfForm = openSheetColumns(recordedLog().log);
const push = (n: number, form: string, cells: Record<string, string>, time = '2026-01-31T12:00:00.100Z') =>
  at.queue.push({
    spreadsheetId: sheet,
    tab: 'form',
    id: `id-${n}`,
    time: n,
    form,
    cells: { '@time': time, ...cells },
  });

const Unformatted = v.object({ values: v.array(v.array(v.union([v.string(), v.number()]))) });
async function unformatted() {
  const answer = await fetch(
    `${at.emulator.url}/v4/spreadsheets/${sheet}/values/form?valueRenderOption=UNFORMATTED_VALUE`,
  );
  return v.parse(Unformatted, await answer.json()).values;
}

it('decimal fields and the time are numbers that look as they were typed, under the titles of the fields', async () => {
  const fields = { name: 'Asha', roll: '007', cgpa: '8.50', age: '20', mobile: '7004465984' };
  await push(1, 'student-data-form', fields);
  await push(2, 'student-data-form', { ...fields, cgpa: '+7', age: '020' }, '2026-01-31T12:00:01Z');
  expect((await at.flush({ columnsOfForm })).failed).toEqual([]);
  expect(await at.rows(sheet)).toEqual([
    ['id', 'time', 'Name', 'Roll number', 'CGPA', 'Age', 'Mobile number'],
    ['id-1', '2026-01-31T12:00:00.100Z', 'Asha', '007', '8.50', '20', '7004465984'],
    ['id-2', '2026-01-31T12:00:01.000Z', 'Asha', '007', '+7', '020', '7004465984'],
  ]);
  const [, first, second] = await unformatted();
  expect(first?.slice(2)).toEqual(['Asha', '007', 8.5, 20, '7004465984']);
  expect(second?.slice(2)).toEqual(['Asha', '007', '+7', '020', '7004465984']);
  // A day after 1899-12-30 is 1, whatever the time zone of the spreadsheet is.
  expect(first?.[1]).toBeCloseTo(46_053.5, 5);
});

it('a field that first appears in a batch that is refused for no reason has its title, too', async () => {
  await push(1, 'student-data-form', { name: 'Asha' });
  await at.flush({ columnsOfForm });
  await push(2, 'student-data-form', { name: 'Ben', cgpa: '8.5' });
  await at.emulator.faults.add([{ kind: 'refuse', calls: 'write', times: 1 }]);
  expect((await at.flush({ columnsOfForm })).rows).toBe(1);
  expect((await at.rows(sheet))[0]).toEqual(['id', 'time', 'Name', 'CGPA']);
});

it('fields of a form that this image lacks are texts under their names', async () => {
  await push(1, 'elsewhere', { cgpa: '8.50' }, 'some day');
  await at.flush({ columnsOfForm });
  expect(await unformatted()).toEqual([
    ['id', 'time', 'cgpa'],
    ['id-1', 'some day', '8.50'],
  ]);
});

it('headings that stand there stay, and people may change them', async () => {
  await push(1, '', { name: 'Asha', cgpa: '1' });
  await at.flush({ columnsOfForm });
  await push(2, 'student-data-form', { name: 'Ben', cgpa: '2' });
  await at.flush({ columnsOfForm });
  expect((await at.rows(sheet))[0]).toEqual(['id', 'time', 'name', 'cgpa']);
  expect((await unformatted()).map((row) => row[3])).toEqual(['cgpa', '1', 2]);
});

it('a field’s metadata inside a v.optional counts', () => {
  const entries = { size: v.optional(decimal('Size', { min: 0, max: 9 }), '') };
  expect(sheetColumns(entries)).toEqual({ size: { title: 'Size', kind: 'number' } });
});

it('a field that is a number in one form and a text in another of the same tab is a text', () => {
  const of = (kind: 'text' | 'number', title: string) => ({ size: { kind, title } });
  expect(sharedColumns([of('number', 'Size'), of('text', 'How large?')])).toEqual(of('text', 'Size'));
  expect(sharedColumns([of('number', 'Size'), of('number', 'Size')])).toEqual(of('number', 'Size'));
});

const shown = (text: string) => {
  const { userEnteredValue: value, userEnteredFormat: format } = cellOf(text, 'number');
  if (!('numberValue' in value)) return 'stringValue' in value ? value.stringValue : '';
  const places = format?.numberFormat.pattern.split('.')[1]?.length ?? 0;
  return value.numberValue.toFixed(places);
};

it('whatever was typed into a decimal field is shown as it was typed', () => {
  const decimals = fc.stringMatching(/^[+-]?\d{1,18}(?:\.\d{1,18})?$/);
  fc.assert(
    fc.property(decimals, (text) => {
      expect(shown(text)).toBe(text);
    }),
    { numRuns: 2_000 },
  );
});

it.each(['0', '-1', '8.04', '0.10', '999999999999999', '123456789.123456'])('%s is a number', (text) => {
  expect(cellOf(text, 'number').userEnteredValue).toEqual({ numberValue: Number(text) });
});

it.each(['007', '+1', '1e5', '-0', '.5', '1234567890123456', '0x10', '', '8,04'])(
  '%s stays a text',
  (text) => {
    expect(cellOf(text, 'number').userEnteredValue).toEqual({ stringValue: text });
  },
);

it('a time is read back to the millisecond from the cell that it was written to', () => {
  fc.assert(
    fc.property(fc.date({ min: new Date(0), max: new Date('2200-01-01'), noInvalidDate: true }), (date) => {
      const { userEnteredValue: value } = cellOf(date.toISOString(), 'time');
      expect('numberValue' in value && timeIn(String(value.numberValue))).toBe(date.toISOString());
    }),
  );
  expect(timeIn('2026-01-31T12:00:00.1Z')).toBe('2026-01-31T12:00:00.100Z');
  expect(timeIn('some day')).toBe('some day');
});
