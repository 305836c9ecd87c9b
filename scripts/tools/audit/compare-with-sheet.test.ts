import { expect, it } from 'vitest';
import { keyOf, type Found, type LoggedRow } from './report.ts';
import { countUnlogged, reconcile, settle } from './compare-with-sheet.ts';

const row = (id: string, more: Partial<LoggedRow> = {}): LoggedRow => ({
  seq: 1,
  trigger: 'sheets-buffer',
  spreadsheetId: 's',
  tab: 't',
  id,
  form: 'demo-form',
  time: '2026-01-01T00:00:00.000Z',
  waiting: false,
  dead: false,
  ...more,
});
const key = (id: string) => keyOf(row(id));
const nothing = (): Found => ({
  buffered: new Set(),
  inFlight: new Set(),
  refused: new Map(),
  inSheet: new Map(),
  tabs: new Set(['s\nt']),
  full: [],
  parked: [],
  unreadable: [],
});

it('says of each submission where it is', () => {
  const found: Found = {
    ...nothing(),
    buffered: new Set([key('buffered')]),
    inFlight: new Set([key('in flight')]),
    refused: new Map([
      [key('refused'), 'too long'],
      [key('unmarked'), 'too long'],
    ]),
    inSheet: new Map([
      // A refused row's mark.
      [key('refused'), 1],
      [key('there'), 1],
      [key('twice'), 2],
    ]),
  };
  const log = [
    ...['there', 'twice', 'buffered', 'in flight', 'refused', 'unmarked', 'nowhere'].map((id) => row(id)),
    row('waiting', { waiting: true }),
    row('dead', { dead: true }),
  ];
  const report = reconcile(log, found);
  expect(report.tabs).toEqual([
    {
      sheet: 's/t',
      form: 'demo-form',
      accepted: 9,
      'in sheet': 2,
      waiting: 1,
      buffered: 1,
      'in flight': 1,
      refused: 2,
      'dead letters': 1,
      'not checked': 0,
      lost: 1,
      duplicated: 1,
    },
  ]);
  expect(report.lost.map(({ id }) => id)).toEqual(['nowhere']);
  expect(report.duplicated.map(({ id }) => id)).toEqual(['twice']);
  expect(report.refused).toMatchObject([
    { id: 'refused', reason: 'too long', hasMark: true },
    { id: 'unmarked', reason: 'too long', hasMark: false },
  ]);
});

it('counts an id that stands in the log twice as one submission, and the same id in two tabs as two', () => {
  const log = [row('a'), row('a'), row('a', { tab: 'other' })];
  const { tabs } = reconcile(log, { ...nothing(), inSheet: new Map([[key('a'), 1]]) });
  expect(tabs.map(({ sheet, accepted, lost }) => [sheet, accepted, lost])).toEqual([
    ['s/t', 1, 0],
    ['s/other', 1, 1],
  ]);
});

it('counts a row that has reached the sheet and is still in the buffer as in the sheet', () => {
  const found = { ...nothing(), inFlight: new Set([key('a')]), inSheet: new Map([[key('a'), 1]]) };
  expect(reconcile([row('a')], found).tabs[0]).toMatchObject({ 'in sheet': 1, 'in flight': 0 });
});

it('counts an id that stands in the log twice as waiting while one of the two waits', () => {
  const log = [row('a', { waiting: true }), row('a', { seq: 2 })];
  expect(reconcile(log, nothing()).tabs[0]).toMatchObject({ accepted: 1, waiting: 1, lost: 0 });
});

it('calls nothing lost where it could not look, in a spreadsheet or in one of its tabs', () => {
  const log = [row('a'), row('b', { tab: 'other' }), row('c', { spreadsheetId: 'closed' })];
  const unreadable = [
    { spreadsheetId: 'closed', tab: undefined, reason: '403' },
    { spreadsheetId: 's', tab: 'other', reason: 'no ids' },
  ];
  const report = reconcile(log, { ...nothing(), unreadable });
  expect(report.lost.map(({ id }) => id)).toEqual(['a']);
  expect(report.tabs.map((tab) => tab['not checked'])).toEqual([0, 1, 1]);
});

it('counts rows that are not in the log by their tab', () => {
  const inSheet = new Map([
    [key('logged'), 1],
    [key('old'), 1],
    [key('typed in'), 2],
  ]);
  expect(countUnlogged({ ...nothing(), inSheet }, new Set([key('logged')]))).toEqual([
    { sheet: 's/t', rows: 3 },
  ]);
});

it('believes two looks: found once is there, duplicated both times is duplicated', () => {
  const looks = (first: number, second: number) =>
    settle(
      { ...nothing(), inSheet: new Map(first > 0 ? [[key('a'), first]] : []) },
      { ...nothing(), inSheet: new Map(second > 0 ? [[key('a'), second]] : []) },
    ).inSheet.get(key('a'));
  expect([looks(1, 0), looks(0, 1), looks(2, 1), looks(2, 0), looks(2, 2), looks(0, 0)]).toEqual([
    1,
    1,
    1,
    1,
    2,
    undefined,
  ]);
});
