import { expect, it } from 'vitest';
import { compare } from './compare.ts';

const submitted = {
  accepted: new Map([
    ['1', 'Asha'],
    ['2', 'Ben'],
  ]),
  unknown: new Set(['Cleo']),
};
const row = (id: string, name: string, time = id) => ({ id, name, time });
const clean = { lost: [], duplicated: [], wrong: [], unknownArrived: 0, late: 0 };

it('finds nothing wrong when each accepted submission stands in one tab once', () => {
  expect(compare(submitted, [[row('1', 'Asha')], [row('2', 'Ben')]])).toEqual(clean);
});

it('finds what is lost, doubled within a tab or over two, and written under another id', () => {
  expect(compare(submitted, [[row('1', 'Asha')]])).toEqual({ ...clean, lost: ['2'] });
  const twice = [[row('1', 'Asha'), row('1', 'Asha'), row('2', 'Ben')], [row('2', 'Ben')]];
  expect(compare(submitted, twice)).toEqual({ ...clean, duplicated: ['1', '2'] });
  const mixed = [[row('1', 'Ben'), row('2', 'Ben'), row('9', 'nobody')]];
  expect(compare(submitted, mixed)).toEqual({ ...clean, wrong: ['1', '9'] });
});

it('lets a submission without an answer arrive once or not at all, and finds it when it is doubled', () => {
  const once = [[row('1', 'Asha'), row('2', 'Ben'), row('3', 'Cleo')]];
  expect(compare(submitted, once)).toEqual({ ...clean, unknownArrived: 1 });
  const twice = [[row('1', 'Asha'), row('2', 'Ben'), row('3', 'Cleo'), row('3', 'Cleo')]];
  expect(compare(submitted, twice).duplicated).toEqual(['3']);
});

it('counts rows that stand below a younger one', () => {
  expect(compare(submitted, [[row('2', 'Ben'), row('1', 'Asha')]])).toEqual({ ...clean, late: 1 });
});
