import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openDeadlines } from './deadlines.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

it('expires each item at its own time, and none that was deleted before', () => {
  const expired: string[] = [];
  const deadlines = openDeadlines<string>(100, (item) => expired.push(item));
  deadlines.add('a');
  deadlines.add('b');
  vi.advanceTimersByTime(60);
  deadlines.add('c');
  deadlines.delete('a');
  vi.advanceTimersByTime(39);
  expect(expired).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(expired).toEqual(['b']);
  vi.advanceTimersByTime(60);
  expect(expired).toEqual(['b', 'c']);
  vi.advanceTimersByTime(1_000);
  deadlines.add('d');
  vi.advanceTimersByTime(100);
  expect(expired).toEqual(['b', 'c', 'd']);
});

it('has one timer, whatever the number of items, and none without any', () => {
  const deadlines = openDeadlines<number>(100, () => {});
  for (let item = 0; item < 10; item += 1) deadlines.add(item);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(100);
  expect(vi.getTimerCount()).toBe(0);
});
