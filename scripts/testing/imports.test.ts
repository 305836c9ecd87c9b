import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const files = globSync('{functions,scripts}/**/*.ts', { cwd: root });
/** What each file imports of this project, `import type` and `import()` included. */
const imports = new Map(
  files.map((file) => {
    const text = readFileSync(join(root, file), 'utf8');
    const found = [...text.matchAll(/(?:\bfrom|^import|\bimport\()\s*'(\.[^']+)'/gm)];
    return [file, found.map(([, path = '']) => normalize(join(dirname(file), path)))];
  }),
);
const isTest = (file: string) => /[/-]testing(-\w+)?\.ts$|\/testing\/|\.test\.ts$/.test(file);

/** Each import that a rule forbids, as a line. */
function forbidden(
  from: string,
  isForbidden: (to: string) => boolean,
  isExempt: (from: string) => boolean = () => false,
) {
  return files
    .filter((file) => file.startsWith(from) && !isExempt(file))
    .flatMap((file) => (imports.get(file) ?? []).filter(isForbidden).map((to) => `${file} -> ${to}`));
}

describe('imports', () => {
  it('functions/ imports nothing of scripts/, its tests included', () => {
    expect(forbidden('functions/', (to) => to.startsWith('scripts/'))).toEqual([]);
  });

  it('the runner imports nothing of functions/, but for its tests', () => {
    expect(forbidden('scripts/runner/', (to) => to.startsWith('functions/'), isTest)).toEqual([]);
  });

  it.each(['scripts/emulators/', 'scripts/events/'])(
    '%s imports nothing outside itself, but for its tests',
    (room) => {
      expect(forbidden(room, (to) => !to.startsWith(room), isTest)).toEqual([]);
    },
  );

  it('there is no circle, one of types included', () => {
    expect(circles()).toEqual([]);
  });
});

/** Folders of more than 16 entries, tests not counted: all rooms, and one file for each command. */
const large = ['scripts', 'scripts/commands'];

it('a folder is one concept of some 15 entries', () => {
  const entries = new Map<string, Set<string>>();
  for (const path of globSync('{functions,scripts,eventing,knative}/**', { cwd: root })) {
    if (path.endsWith('.test.ts')) continue;
    entries.set(dirname(path), (entries.get(dirname(path)) ?? new Set()).add(path));
  }
  const crowded = [...entries].filter(([, { size }]) => size > 16).map(([folder]) => folder);
  expect(crowded.toSorted((a, b) => a.localeCompare(b))).toEqual(large);
});

/** Sets of files that import each other, by Tarjan's algorithm. */
function circles(): string[][] {
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  function visit(file: string): number {
    const index = order.size;
    order.set(file, index);
    lowest.set(file, index);
    stack.push(file);
    for (const next of imports.get(file) ?? []) {
      const reached = order.has(next) ? (stack.includes(next) ? order.get(next) : undefined) : visit(next);
      lowest.set(file, Math.min(lowest.get(file) ?? index, reached ?? index));
    }
    const low = lowest.get(file) ?? index;
    if (low === index) {
      const members = stack.splice(stack.indexOf(file));
      if (members.length > 1 || imports.get(file)?.includes(file)) found.push(members.toSorted());
    }
    return low;
  }
  for (const file of files) if (!order.has(file)) visit(file);
  return found;
}
