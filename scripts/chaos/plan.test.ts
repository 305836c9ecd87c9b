import { expect, it } from 'vitest';
import { makePlan, serviceNames } from './plan.ts';

const labels = (options: Parameters<typeof makePlan>[0]) =>
  new Set(makePlan(options).map((step) => `${step.do} ${step.what}`));

it('is the same for the same seed and length, and another for another seed', () => {
  const options = { seed: 7, lengthMs: 60_000 };
  expect(makePlan(options)).toEqual(makePlan(options));
  expect(makePlan({ ...options, seed: 8 })).not.toEqual(makePlan(options));
});

it.each([1, 2, 3])('has every kind of fault within three minutes (seed %i)', (seed) => {
  const done = labels({ seed, lengthMs: 180_000 });
  expect(serviceNames()).toContain('sheets-flush');
  for (const what of [...serviceNames(), 'redis', 'postgres', 'runner']) {
    expect(done).toContain(`kill ${what}`);
    expect(done).toContain(`freeze ${what}`);
  }
  const ofGoogle = ['fail-before', 'drop-before', 'fail-after', 'drop-after', 'delay', 'twice', 'quota'];
  for (const what of [...ofGoogle, 'proxy-before', 'proxy-after', 'refuse', 'too-large'])
    expect(done).toContain(`sheets ${what}`);
  for (const label of [
    'restart redis',
    'fill disk',
    'edit insert column',
    'edit move column',
    'edit move heading',
    'edit copy tab',
    'protect demo-form',
    'crowd tokens',
  ]) {
    expect(done).toContain(label);
  }
  expect(done).toContain('flush twice sheets-flush');
});

it('revokes access and freezes beyond the longest time-outs in a long campaign only', () => {
  expect(labels({ seed: 1, lengthMs: 600_000 })).toContain('revoke spreadsheet');
  expect(labels({ seed: 1, lengthMs: 100_000 })).not.toContain('revoke spreadsheet');
  const longest = (lengthMs: number) => Math.max(...makePlan({ seed: 1, lengthMs }).map(({ ms }) => ms));
  expect(longest(600_000)).toBeGreaterThan(60_000);
  expect(longest(100_000)).toBeLessThan(10_000);
});

it('is in order, and all faults end before the submissions do', () => {
  const lengthMs = 3_600_000;
  const plan = makePlan({ seed: 1, lengthMs });
  expect(plan.map(({ at }) => at)).toEqual(plan.map(({ at }) => at).toSorted((a, b) => a - b));
  expect(plan.length).toBeGreaterThan(1_000);
  expect(plan.every(({ at, ms }) => at > 0 && at + ms < lengthMs)).toBe(true);
});

it('kills and freezes Kafka as well, if there is one', () => {
  const done = labels({ seed: 1, lengthMs: 180_000, kafka: true });
  expect([...done].filter((label) => label.endsWith('kafka'))).toHaveLength(2);
  expect([...labels({ seed: 1, lengthMs: 120_000 })].filter((label) => label.endsWith('kafka'))).toEqual([]);
});

it('kills, freezes and cuts off masters, replicas and Sentinels, if Redis is under Sentinel', () => {
  const done = labels({ seed: 1, lengthMs: 180_000, sentinel: true });
  for (const label of [
    'kill redis-master',
    'freeze redis-master',
    'cut off redis-master',
    'restart redis-master',
  ])
    expect(done).toContain(label);
  for (const label of ['kill redis-replica', 'freeze redis-replica', 'kill sentinel'])
    expect(done).toContain(label);
  expect(done).not.toContain('kill redis');
});

it('restarts all of Redis as an update does, if it is under Sentinel and there is time', () => {
  const label = 'rolling restart redis-pods';
  expect(labels({ seed: 1, lengthMs: 3_600_000, sentinel: true })).toContain(label);
  expect(labels({ seed: 1, lengthMs: 3_600_000 })).not.toContain(label);
});

it('ends no process in the last part of a long campaign, so that memory can be measured', () => {
  const plan = makePlan({ seed: 1, lengthMs: 1_200_000 });
  const isEnd = ({ do: act }: (typeof plan)[number]) => act === 'kill' || act === 'restart' || act === 'fill';
  expect(plan.filter((step) => step.at > 660_000 && isEnd(step))).toEqual([]);
  expect(plan.filter((step) => step.at > 660_000).length).toBeGreaterThan(50);
  expect(plan.filter(isEnd).length).toBeGreaterThan(60);
});
