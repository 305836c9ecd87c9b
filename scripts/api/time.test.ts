import { expect, it } from 'vitest';
import { parseTime } from './time.ts';

it('takes moments, and times ago', () => {
  expect(parseTime('--from', '90m', 6_000_000)).toBe(600_000);
  expect(parseTime('--from', '2026-01-01')).toBe(Date.UTC(2026, 0, 1));
  expect(() => parseTime('--from', 'yesterday')).toThrow('--from is a time such as');
});
