import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { watchOthers } from './quiet.ts';
import { flawsOf, saveFigures } from './save.ts';

const about = { command: 'npm run bench -- speed', machine: '2 × CPU', date: '2026-01-01', others: 3 };
const measured = {
  how: 'in turns',
  tables: [{ title: 'Speed', rows: [{ variant: 'ours', 'requests/s': 5 }] }],
  goals: [{ goal: '≥ 4', measured: '5', isReached: true }],
  plots: [{ file: 'speed.svg', svg: '<svg/>' }],
};

function folderWith(readme: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'formbus-save-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'README.md'), readme);
  return folder;
}

it('writes the tables between the marks of the benchmark, and its plots', () => {
  const folder = folderWith(
    '# A\n\n<!-- speed -->\n\nold\n\n<!-- /speed -->\n\nB <!-- cost --> C <!-- /cost -->\n',
  );
  saveFigures(folder, 'speed', about, measured);
  saveFigures(folder, 'speed', about, measured);
  expect(readFileSync(join(folder, 'README.md'), 'utf8')).toBe(`# A

<!-- speed -->

\`npm run bench -- speed\`, 2026-01-01, 2 × CPU; other processes took 3 % of the processors;
in turns.

Speed:

| variant | requests/s |
| ------- | ---------- |
| ours    | 5          |

Goals:

| goal | measured | reached |
| ---- | -------- | ------- |
| ≥ 4  | 5        | yes     |

<!-- /speed -->

B <!-- cost --> C <!-- /cost -->
`);
  expect(readFileSync(join(folder, 'results/speed.svg'), 'utf8')).toBe('<svg/>');
});

it('writes nothing where the README has no place for it', () => {
  const folder = folderWith('# A\n');
  expect(() => saveFigures(folder, 'speed', about, measured)).toThrow('<!-- speed --> … <!-- /speed -->');
  expect(existsSync(join(folder, 'results'))).toBe(false);
});

it.each([
  { change: {}, others: 3, flaws: [] },
  { change: { errors: 2 }, others: 3, flaws: ['2 answers were errors'] },
  { change: {}, others: 34, flaws: ['other processes took 34 % of the processors, and may take 10 %'] },
  {
    change: {},
    others: Number.NaN,
    flaws: ['other processes took NaN % of the processors, and may take 10 %'],
  },
  { change: { tables: [] }, others: 0, flaws: ['nothing was measured'] },
])('figures with $change and $others % for others have the flaws $flaws', ({ change, others, flaws }) => {
  expect(flawsOf({ ...measured, ...change }, { others })).toEqual(flaws);
});

it('what this process and its children use is not counted for others', () => {
  const readings = [
    { used: 100, all: 1_000, ours: 10 },
    { used: 180, all: 1_200, ours: 40 },
  ];
  const since = watchOthers({ read: () => readings.shift() ?? { used: 0, all: 0, ours: 0 } });
  expect(since()).toBe(25);
});
