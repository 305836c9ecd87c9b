import { describe, expect, test } from 'vitest';
import { openAutoscaler, type Load, type Scale } from './autoscaler.ts';

const scaleOf = (scale: Partial<Scale> = {}): Scale => ({
  containerConcurrency: 0,
  minScale: 0,
  maxScale: 0,
  target: 10,
  windowSeconds: 60,
  ...scale,
});
const idle: Load = { demand: 0, ready: 0, starting: 0 };
/** Enough cores for any number of starts. */
const unlimited = 1_000;

describe('instances to start', () => {
  test.each<[string, Partial<Scale>, Partial<Load>, number]>([
    ['none without requests', {}, {}, 0],
    ['one for the first request', {}, { demand: 1 }, 1],
    ['one while the target is not exceeded', {}, { demand: 10 }, 1],
    ['another instance beyond the target', {}, { demand: 11 }, 2],
    ['only those that are missing', {}, { demand: 40, ready: 1, starting: 2 }, 1],
    ['none when enough are on their way', {}, { demand: 40, ready: 1, starting: 3 }, 0],
    ['none when there are more than enough', {}, { demand: 5, ready: 3 }, 0],
    ['min-scale without requests', { minScale: 2 }, {}, 2],
    ['no more than max-scale', { maxScale: 3 }, { demand: 1_000 }, 3],
    ['no more than 50 without a max-scale', {}, { demand: 10_000 }, 50],
    ['more than 50 when min-scale says so', { minScale: 60 }, { demand: 10_000 }, 60],
    ['by the hard limit when that is below the target', { containerConcurrency: 2 }, { demand: 6 }, 3],
    ['by a target below 1', { target: 0.5 }, { demand: 2 }, 4],
  ])('%s', (_, scale, load, start) => {
    const autoscaler = openAutoscaler(scaleOf(scale), unlimited);
    expect(autoscaler.decide({ ...idle, ...load }, 0).start).toBe(start);
  });

  test('are no more at a time than the machine can start', () => {
    const autoscaler = openAutoscaler(scaleOf({ target: 1 }), 2);
    expect(autoscaler.decide({ ...idle, demand: 5 }, 0).start).toBe(2);
    expect(autoscaler.decide({ demand: 5, ready: 0, starting: 2 }, 1).start).toBe(0);
    expect(autoscaler.decide({ demand: 5, ready: 1, starting: 1 }, 2).start).toBe(1);
  });
});

describe('surplus instances', () => {
  test('are kept for a whole window after they were last needed', () => {
    const autoscaler = openAutoscaler(scaleOf({ windowSeconds: 60 }), unlimited);
    autoscaler.decide({ demand: 30, ready: 3, starting: 0 }, 0);
    const quiet = { demand: 0, ready: 3, starting: 0 };
    expect(autoscaler.decide(quiet, 1_000)).toEqual({ start: 0, surplus: 0, reviewAt: 61_000 });
    expect(autoscaler.wanted(60_999)).toBe(3);
    expect(autoscaler.decide(quiet, 61_000)).toEqual({ start: 0, surplus: 3, reviewAt: undefined });
    expect(autoscaler.wanted(61_000)).toBe(0);
  });

  test('are only those above what a smaller load needed meanwhile', () => {
    const autoscaler = openAutoscaler(scaleOf({ windowSeconds: 60 }), unlimited);
    autoscaler.decide({ demand: 30, ready: 3, starting: 0 }, 0);
    autoscaler.decide({ demand: 20, ready: 3, starting: 0 }, 1_000);
    autoscaler.decide({ demand: 0, ready: 3, starting: 0 }, 30_000);
    expect(autoscaler.decide({ demand: 0, ready: 3, starting: 0 }, 61_000)).toMatchObject({
      surplus: 1,
      reviewAt: 90_000,
    });
  });

  test('never go below min-scale', () => {
    const autoscaler = openAutoscaler(scaleOf({ minScale: 1, windowSeconds: 6 }), unlimited);
    autoscaler.decide({ demand: 30, ready: 3, starting: 0 }, 0);
    autoscaler.decide({ demand: 0, ready: 3, starting: 0 }, 1);
    expect(autoscaler.decide({ demand: 0, ready: 3, starting: 0 }, 10_000).surplus).toBe(2);
  });
});
