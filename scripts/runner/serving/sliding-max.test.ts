import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { slidingMax } from './sliding-max.ts';

test('a value counts while it holds and for the window after it changed', () => {
  const window = slidingMax(100);
  window.set(3, 0);
  expect(window.max(500)).toBe(3);
  window.set(1, 500);
  expect(window.max(599)).toBe(3);
  expect(window.nextChange(599)).toBe(600);
  expect(window.max(600)).toBe(1);
  expect(window.nextChange(600)).toBeUndefined();
});

test('at any time the maximum is that of all values that held within the window', () => {
  const change = fc.record({ after: fc.integer({ min: 1, max: 60 }), value: fc.integer({ min: 0, max: 5 }) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), fc.integer({ min: 0, max: 200 }), (changes, later) => {
      const window = slidingMax(100);
      const held: { value: number; until: number }[] = [];
      let now = 0;
      let current = 0;
      for (const { after, value } of changes) {
        now += after;
        held.push({ value: current, until: now + 100 });
        current = value;
        window.set(value, now);
      }
      now += later;
      const values = held.filter(({ until }) => until > now).map(({ value }) => value);
      expect(window.max(now)).toBe(Math.max(current, ...values));
    }),
  );
});
