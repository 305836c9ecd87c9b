import { expect, test } from 'vitest';
import { openBackoff } from './backoff.ts';

test('doubles the pause after each failure up to 10 s, and begins again after a success', () => {
  const backoff = openBackoff();
  const pauses = Array.from({ length: 9 }, () => backoff.failed(new Error('no'), 0));
  expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
  backoff.succeeded();
  expect(backoff.until()).toBe(10_000);
  expect(backoff.failed(new Error('again'), 50_000)).toBe(100);
  expect([backoff.until(), backoff.cause()]).toEqual([50_100, new Error('again')]);
});
