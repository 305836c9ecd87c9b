import { expect, it } from 'vitest';
import { parseTime, parseTimes } from './time.ts';

it('reads moments and times ago', () => {
  expect(parseTime('--from', '90m', 6_000_000)).toBe(600_000);
  expect(parseTime('--from', '2026-01-01')).toBe(Date.UTC(2026, 0, 1));
  expect(parseTime('--from', '2028-02-29T12:00:00+01:00')).toBe(Date.UTC(2028, 1, 29, 11));
});

it.each(['yesterday', '2026-02-31', '2026-02-29T12:00:00Z', '2026-13-01', '2026-01-01T25:00:00Z', '12', ''])(
  'refuses %o, which is not a time',
  (text) => {
    expect(() => parseTime('--from', text)).toThrow(
      `--from is a time such as 2026-01-31T12:00:00Z, or 30m, 12h, 2d ago; not ${text}`,
    );
  },
);

it.each(['999999d', '99999999999999999999d', '1969-12-31'])('refuses %s, which is before 1970', (text) => {
  expect(() => parseTime('--from', text)).toThrow(`--from ${text} is before 1970`);
});

it('reads a period, and refuses an empty one', () => {
  expect(parseTimes({}, 9)).toEqual({ from: 0, to: 9 });
  expect(parseTimes({ from: '2h', to: '1h' }, 9_000_000)).toEqual({ from: 1_800_000, to: 5_400_000 });
  expect(() => parseTimes({ from: '1h', to: '2h' })).toThrow('--from 1h is not before --to 2h');
  expect(() => parseTimes({ from: '2026-01-02' }, 0)).toThrow('--from 2026-01-02 is not before now');
});
