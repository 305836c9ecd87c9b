import { stripVTControlCharacters } from 'node:util';
import { expect, it } from 'vitest';
import { openHistory } from './history.ts';
import { changesSince, jsonOf } from './lines.ts';
import { screenOf } from './screen.ts';
import type { ServiceState } from './source.ts';

const state = (name: string, more: Partial<ServiceState> = {}): ServiceState => ({
  name,
  kind: 'form',
  ready: 0,
  wanted: 0,
  concurrency: 0,
  perSecond: 0,
  coldStarts: 0,
  ...more,
});
const at = new Date(2026, 10, 25, 14, 2, 11).getTime();
const wide = { width: 90, height: 24, colour: false };

/** A form that scales from zero to nine instances, and an idle task. */
function view(more: ServiceState[] = []) {
  const history = openHistory('here');
  const task = state('a-task', { kind: 'task' });
  for (const ready of [0, 1, 4]) history.add([state('a-form', { ready }), task, ...more], at);
  const busy = { ready: 4, wanted: 9, concurrency: 212, perSecond: 532.4, coldStarts: 4 };
  return { history, last: history.add([state('a-form', busy), task, ...more], at) };
}

it('shows ready and wanted instances, requests, cold starts and a chart', () => {
  expect(screenOf(view().last, wide)).toEqual([
    `Formbus, here${'4 instances, 532 requests/s   14:02:11'.padStart(77)}`,
    '',
    'service      instances in flight   req/s cold starts  instances, last 36 s',
    'forms',
    ` a-form            4→9       212     532           4  ${'·▁▄▄'.padStart(36)}`,
    'tasks',
    ` a-task            0→0         0       0           0  ${'····'.padStart(36)}`,
  ]);
});

it('draws an instance as an eighth of a block, or less when there are more than eight', () => {
  const history = openHistory('here');
  const chart = (ready: number) =>
    screenOf(history.add([state('a', { ready })], at), wide)
      .at(-1)
      ?.replaceAll(/.* /g, '');
  expect(chart(8)).toBe('█');
  expect(chart(3)).toBe('█▃');
  expect(chart(16)).toBe('▄▂█');
  expect(chart(1)).toBe('▄▂█▁');
});

it('shows a dash for an unknown value and for sums of it', () => {
  const unknown = { wanted: undefined, concurrency: undefined, perSecond: undefined };
  const [title, , , , row] = screenOf(
    openHistory('here').add([state('a-form', { ready: 2, ...unknown })], at),
    wide,
  );
  expect(title).toContain('2 instances, – requests/s');
  expect(row).toContain('2→–         –       –           0');
});

it('fits a small terminal: fewer columns, no chart, running Services first, and how many are left out', () => {
  const more = Array.from({ length: 30 }, (_, n) => state(`form-${n}`));
  const size = { width: 34, height: 8, colour: false };
  const lines = screenOf(view([...more, state('last', { ready: 1, wanted: 1 })]).last, size);
  expect(lines).toHaveLength(8);
  expect(lines.every((line) => line.length <= 34)).toBe(true);
  expect(lines.slice(2)).toEqual([
    'service      instances in flight',
    ' a-form            4→9       212',
    ' last              1→1         0',
    ' a-task            0→0         0',
    ' form-0            0→0         0',
    ' … and 29 more',
  ]);
  for (const height of [0, 1, 2, 3, 4])
    expect(screenOf(view(more).last, { ...size, height }).length).toBeLessThanOrEqual(height);
});

it('shows a problem below the last reading, with a gap in the chart', () => {
  const { history } = view();
  history.add({ problem: 'no answer' }, at);
  const lines = screenOf(history.add([state('a-form', { ready: 2 })], at), wide);
  expect(lines[4]).toMatch(/·▁▄▄ ▂$/);
  const broken = screenOf(history.add({ problem: 'no answer' }, at), wide);
  expect(broken.at(-1)).toBe('no answer');
  expect(broken.join('\n')).toContain(' a-form ');
  const long = history.add({ problem: `no answer at\u001b[2J${'x'.repeat(30)} there; start it` }, at);
  expect(screenOf(long, { ...wide, width: 24 }).slice(-5)).toEqual([
    '',
    'no answer at',
    `[2J${'x'.repeat(21)}`,
    'xxxxxxxxx there; start',
    'it',
  ]);
});

it('uses colours only when asked to', () => {
  const coloured = screenOf(view().last, { ...wide, colour: true }).join('\n');
  expect(coloured).toContain('\u001b[33m a-form');
  expect(stripVTControlCharacters(coloured)).toBe(screenOf(view().last, wide).join('\n'));
});

it('prints a line for each change of instances, for a problem and for its end only', () => {
  const history = openHistory('here');
  const add = (reading: ServiceState[] | { problem: string }) => history.add(reading, Date.UTC(2026, 0, 1));
  const views = [
    add([state('a')]),
    add([state('a', { concurrency: 4, perSecond: 3 })]),
    add([state('a', { wanted: 2, perSecond: undefined })]),
    add({ problem: 'no answer' }),
    add({ problem: 'no answer' }),
    add([]),
  ];
  const lines = views.map((view, n) => changesSince(views[n - 1], view));
  const time = '2026-01-01T00:00:00.000Z  ';
  expect(lines).toEqual([
    [`${time}form a  0→0 instances, 0 in flight, 0 requests/s, 0 cold starts`],
    [],
    [`${time}form a  0→2 instances, 0 in flight, – requests/s, 0 cold starts`],
    [`${time}no answer`],
    [],
    [`${time}here answers again`, `${time}a  is gone`],
  ]);
});

it('prints JSON with null for unknown values, and a problem by itself', () => {
  const history = openHistory('here');
  expect(JSON.parse(jsonOf(history.add([state('a', { wanted: undefined, perSecond: 1.26 })], 0)))).toEqual({
    at: '1970-01-01T00:00:00.000Z',
    services: [
      { name: 'a', kind: 'form', ready: 0, wanted: null, concurrency: 0, perSecond: 1.3, coldStarts: 0 },
    ],
  });
  expect(JSON.parse(jsonOf(history.add({ problem: 'no' }, 0)))).toEqual({
    at: '1970-01-01T00:00:00.000Z',
    problem: 'no',
  });
});
