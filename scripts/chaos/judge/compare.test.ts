import { expect, it } from 'vitest';
import { compare } from './compare.ts';

const submitted = {
  accepted: new Map([
    ['1', 'Asha'],
    ['2', 'Ben'],
  ]),
  unknown: new Set(['Cleo']),
};
const row = (id: string, name: string, second = id) => ({ id, name, time: `2026-01-01T00:00:0${second}Z` });
const clean = {
  lost: [],
  duplicated: [],
  wrong: [],
  unknownArrived: 0,
  late: 0,
  latestSeconds: 0,
  outOfOrder: 0,
};

it('finds nothing wrong when each accepted submission is in one tab once', () => {
  expect(compare(submitted, [[row('1', 'Asha')], [row('2', 'Ben')]])).toEqual(clean);
});

it('finds a lost row, duplicates in one tab or in two, and a row with another id', () => {
  expect(compare(submitted, [[row('1', 'Asha')]])).toEqual({ ...clean, lost: ['2'] });
  const twice = [[row('1', 'Asha'), row('1', 'Asha'), row('2', 'Ben')], [row('2', 'Ben')]];
  expect(compare(submitted, twice)).toEqual({ ...clean, duplicated: ['1', '2'] });
  const mixed = [[row('1', 'Asha'), row('2', 'Dora'), row('9', 'nobody')]];
  expect(compare(submitted, mixed)).toEqual({ ...clean, wrong: ['2', '9'] });
});

it('finds a value in the column of another field', () => {
  const moved = [[{ ...row('1', 'Asha'), message: '', roll: 'Asha' }, row('2', 'Ben')]];
  expect(compare(submitted, moved)).toEqual({ ...clean, wrong: ['1'] });
});

it('allows a submission without an answer once or not at all, and finds its duplicate', () => {
  const once = [[row('1', 'Asha'), row('2', 'Ben'), row('3', 'Cleo')]];
  expect(compare(submitted, once)).toEqual({ ...clean, unknownArrived: 1 });
  const twice = [[row('1', 'Asha'), row('2', 'Ben'), row('3', 'Cleo'), row('3', 'Cleo')]];
  expect(compare(submitted, twice).duplicated).toEqual(['3']);
});

it('finds a submission that was sent once and has two ids', () => {
  const twice = [[row('1', 'Asha'), row('2', 'Ben'), row('3', 'Cleo'), row('4', 'Cleo')]];
  expect(compare(submitted, twice).duplicated).toEqual(['3', '4']);
});

it('counts rows below a younger one, and those that cannot be the first of a batch', () => {
  const tabs = [[row('2', 'Ben', '5'), row('1', 'Asha', '2'), row('3', 'Cleo', '1')]];
  const expected = { ...clean, unknownArrived: 1, late: 2, latestSeconds: 3 };
  expect(compare(submitted, tabs, { batches: 3 })).toEqual(expected);
  expect(compare(submitted, tabs, { batches: 2 })).toEqual({ ...expected, outOfOrder: 1 });
});

const moderated = { type: 'form.suspected', form: 'demo-form' };
const analysis = (of: string) => ({
  id: `${of}/detect-slang`,
  type: 'form.analyzed',
  time: '2026-01-01T00:00:03Z',
  'analyzed.submission': of,
});

it("expects suspected submissions in the moderators' tab only", () => {
  const robots = { accepted: new Map([['5', 'bot 5']]), unknown: new Set(['bot 6']) };
  const inModeration = [5, 6].map((n) => ({
    ...row(`${n}`, `bot ${n}`),
    ...moderated,
    roll: '',
    message: `bot ${n}`,
  }));
  expect(compare(robots, [[], inModeration])).toEqual({ ...clean, unknownArrived: 1 });
  expect(compare(robots, [[row('5', 'bot 5')], []]).wrong).toEqual(['5']);
  const person = { ...row('1', 'Asha'), ...moderated, message: 'Asha' };
  expect(compare(submitted, [[row('2', 'Ben')], [person]]).wrong).toEqual(['1']);
});

it('expects an analysis of each flagged submission, once, and of no other', () => {
  const flagged = { accepted: new Map([['7', 'shit 7']]), unknown: new Set(['shit 8']) };
  const tab = [row('7', 'shit 7'), row('8', 'shit 8')];
  const arrived = { ...clean, unknownArrived: 1 };
  expect(compare(flagged, [tab, [analysis('7'), analysis('8')]])).toEqual(arrived);
  expect(compare(flagged, [tab, [analysis('7')]])).toEqual({ ...arrived, lost: ['8/detect-slang'] });
  const twice = [analysis('7'), analysis('7'), analysis('8')];
  expect(compare(flagged, [tab, twice])).toEqual({ ...arrived, duplicated: ['7/detect-slang'] });
  expect(compare(submitted, [[row('1', 'Asha'), row('2', 'Ben')], [analysis('1')]]).wrong).toEqual([
    '1/detect-slang',
  ]);
});
