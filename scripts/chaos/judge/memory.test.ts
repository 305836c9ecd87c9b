import { expect, it } from 'vitest';
import { openMemory } from './memory.ts';

/** A sample every 5 s, of one process for each name. */
function noted(seconds: number, mbOf: Record<string, (second: number) => number>) {
  const memory = openMemory();
  for (let second = 0; second <= seconds; second += 5) {
    const residents = Object.entries(mbOf).map(([name, mb], pid) => ({ name, pid, mb: mb(second) }));
    memory.note(second * 1_000, residents, second * 100);
  }
  return memory.trends();
}

it('calls memory flat that warms up, swings, or rises in a single step', () => {
  const trends = noted(480, {
    runner: (second) => 80 + Math.min(second, 60) + (second % 15),
    'demo-form': (second) => 110 + 10 * Math.sin(second),
    'sheets-flush': (second) => (second < 240 ? 100 : 170),
  });
  expect(trends).toMatchObject({
    runner: { isFlat: true, seconds: 480 },
    'demo-form': { isFlat: true },
    'sheets-flush': { isFlat: true, early: 100, late: 170 },
  });
  expect(trends['runner']?.peak).toBeGreaterThan(140);
});

it('finds a process that keeps 2 kB of each submission', () => {
  const kept = (second: number) => 150 + (second * 100 * 2.5) / 1_024;
  expect(noted(480, { runner: kept })).toMatchObject({ runner: { isFlat: false } });
});

it('allows Redis to remember ids, and no more', () => {
  const ids = (bytes: number) => (second: number) => 20 + (second * 100 * bytes) / 1_048_576;
  expect(noted(14_400, { redis: ids(80) })).toMatchObject({ redis: { isFlat: true } });
  expect(noted(14_400, { redis: ids(400) })).toMatchObject({ redis: { isFlat: false } });
  expect(noted(14_400, { 'demo-task': ids(80) })).toMatchObject({ 'demo-task': { isFlat: false } });
});

it('does not judge a process that was killed early, and looks at the one that lived longest', () => {
  const memory = openMemory();
  for (let second = 0; second <= 600; second += 5) {
    const isOld = second > 200;
    memory.note(second * 1_000, [{ name: 'redis', pid: isOld ? 2 : 1, mb: isOld ? 20 : second }], 0);
  }
  expect(memory.trends()).toMatchObject({ redis: { early: 20, late: 20, peak: 200, isFlat: true } });
  expect(noted(100, { runner: (second) => second })).toMatchObject({ runner: { isFlat: undefined } });
});
