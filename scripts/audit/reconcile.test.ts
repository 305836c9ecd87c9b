import { expect, it } from 'vitest';
import { keyOf, reconcile, type Found, type LoggedRow } from './reconcile.ts';

const row = (id: string, more: Partial<LoggedRow> = {}): LoggedRow => ({
  spreadsheetId: 's',
  tab: 't',
  id,
  form: 'demo-form',
  waiting: false,
  dead: false,
  ...more,
});
const key = (id: string) => keyOf(row(id));
const nothing = (): Found => ({
  buffered: new Set(),
  frozen: new Set(),
  refused: new Set(),
  inSheet: new Map(),
  parked: [],
});

it('says of each submission where it is', () => {
  const found: Found = {
    ...nothing(),
    buffered: new Set([key('buffered')]),
    frozen: new Set([key('frozen')]),
    refused: new Set([key('refused')]),
    inSheet: new Map([
      [key('there'), 1],
      [key('twice'), 2],
    ]),
  };
  const log = [
    ...['there', 'twice', 'buffered', 'frozen', 'refused', 'nowhere'].map((id) => row(id)),
    row('waiting', { waiting: true }),
    row('dead', { dead: true }),
  ];
  const report = reconcile(log, found);
  expect(report.tabs).toEqual([
    {
      sheet: 's/t',
      form: 'demo-form',
      accepted: 8,
      'in sheet': 2,
      waiting: 1,
      buffered: 1,
      frozen: 1,
      refused: 1,
      'dead letters': 1,
      missing: 1,
      doubled: 1,
    },
  ]);
  expect(report.missing.map(({ id }) => id)).toEqual(['nowhere']);
  expect(report.doubled.map(({ id }) => id)).toEqual(['twice']);
});

it('counts an id that stands in the log twice as one submission, and the same id in two tabs as two', () => {
  const log = [row('a'), row('a'), row('a', { tab: 'other' })];
  const { tabs } = reconcile(log, { ...nothing(), inSheet: new Map([[key('a'), 1]]) });
  expect(tabs.map(({ sheet, accepted, missing }) => [sheet, accepted, missing])).toEqual([
    ['s/t', 1, 0],
    ['s/other', 1, 1],
  ]);
});

it('finds a row that has reached the sheet and is still in the buffer where it counts: in the sheet', () => {
  const found = { ...nothing(), frozen: new Set([key('a')]), inSheet: new Map([[key('a'), 1]]) };
  expect(reconcile([row('a')], found).tabs[0]).toMatchObject({ 'in sheet': 1, frozen: 0 });
});
