import { expect, it } from 'vitest';
import { verdictOf } from './print.ts';

const good = { lost: [], duplicated: [], unreadable: [], archive: { lost: [] } };

it('says that nothing is lost only when everything was checked, the archive included', () => {
  expect(verdictOf(good)).toBe('Nothing is lost, nothing is duplicated.');
  expect(verdictOf({ ...good, archive: { lost: ['an id'] } })).toBeUndefined();
  const partly = 'Nothing is lost and nothing is duplicated in what could be checked.';
  expect(verdictOf({ ...good, archive: { unreadable: 'gone' } })).toBe(partly);
  expect(verdictOf({ ...good, unreadable: ['a tab'] })).toBe(partly);
});
