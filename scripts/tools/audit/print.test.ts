import { expect, it } from 'vitest';
import { verdictOf } from './print.ts';

const good = { missing: [], doubled: [], unreadable: [], archive: { missing: [] } };

it('all is well only where all was looked at and nothing is missing, in the archive neither', () => {
  expect(verdictOf(good)).toBe('Nothing is missing, nothing is doubled.');
  expect(verdictOf({ ...good, archive: { missing: ['an id'] } })).toBeUndefined();
  const partly = 'Nothing is missing and nothing is doubled in what could be checked.';
  expect(verdictOf({ ...good, archive: { unreadable: 'gone' } })).toBe(partly);
  expect(verdictOf({ ...good, unreadable: ['a tab'] })).toBe(partly);
});
