import { expect, it } from 'vitest';
import { makePlan } from './plan.ts';

it('is the same for the same seed and length, and another for another seed', () => {
  const options = { seed: 7, lengthMs: 60_000 };
  expect(makePlan(options)).toEqual(makePlan(options));
  expect(makePlan({ ...options, seed: 8 })).not.toEqual(makePlan(options));
});

it('has in a long campaign everything in it, in order, and ends before the submissions do', () => {
  const plan = makePlan({ seed: 1, lengthMs: 3_600_000 });
  const done = new Set(plan.map((step) => `${step.do} ${step.what}`));
  for (const what of ['demo-form', 'sheets-buffer', 'sheets-flush', 'demo-task', 'redis', 'runner']) {
    expect(done).toContain(`kill ${what}`);
    expect(done).toContain(`freeze ${what}`);
  }
  for (const what of ['fail-before', 'drop-before', 'fail-after', 'drop-after', 'delay', 'twice', 'quota']) {
    expect(done).toContain(`sheets ${what}`);
  }
  expect(done).toContain('flush twice sheets-flush');
  expect(plan.map(({ at }) => at)).toEqual(plan.map(({ at }) => at).toSorted((a, b) => a - b));
  expect(plan.every(({ at }) => at > 0 && at < 3_600_000)).toBe(true);
});
