import { expect, it } from 'vitest';
import type { TabLayout } from '../../../lib/sheets/layout.ts';
import { tokenValue } from '../tokens.ts';
import { verdictOf, type Evidence, type Verdict } from './verdict.ts';

const digest = '0123456789abcdef';
const batch = { digest, installation: 'ours00' };
const token = (content: string, installation = 'ours00') =>
  tokenValue({ installation, numberedAt: Date.now() }, content);

const tab = (more: Partial<TabLayout> = {}): TabLayout => ({
  sheetId: 1,
  title: 'form',
  tab: 'form',
  boundAs: 1,
  rowCount: 2,
  columnCount: 3,
  free: 3,
  columns: new Map([['@id', 0]]),
  bindings: new Map([['@id', 7]]),
  ...more,
});
const asSent = [tab()];
const fullTab = [tab({ rowCount: 3_000_000 })];

interface Case extends Partial<Evidence> {
  when: string;
  means: Verdict;
}

it.each<Case>([
  { when: 'nothing has the number', token: undefined, means: 'unfenced' },
  { when: 'only rows were added meanwhile', now: [tab({ rowCount: 9, free: 4 })], means: 'unfenced' },
  { when: 'a title was changed', now: [tab({ title: 'other' })], means: 'changed' },
  { when: 'a column was moved', now: [tab({ columns: new Map([['@id', 1]]) })], means: 'changed' },
  { when: 'a column was bound again', now: [tab({ bindings: new Map([['@id', 8]]) })], means: 'changed' },
  { when: 'a tab was deleted', now: [], means: 'changed' },
  { when: 'a tab was added', now: [tab(), tab({ sheetId: 2, tab: undefined })], means: 'changed' },
  { when: 'the number has our rows', token: token(digest), means: 'written' },
  {
    when: 'the number has our rows, written by another Redis',
    token: token(digest, 'theirs'),
    means: 'written',
  },
  { when: 'the number has our rows, from before tokens had owners', token: digest, means: 'written' },
  {
    when: 'the number has our rows, and the rows continue elsewhere',
    token: token(digest),
    isClosed: true,
    means: 'written',
  },
  {
    when: 'the number has our rows, and the spreadsheet is full',
    token: token(digest),
    sentTo: fullTab,
    means: 'written',
  },
  { when: 'the number is fenced', token: token('void'), means: 'refused' },
  { when: 'the number is fenced, from before tokens had owners', token: 'void', means: 'refused' },
  {
    when: 'the number is fenced, and the spreadsheet full',
    token: token('void'),
    sentTo: fullTab,
    means: 'full',
  },
  {
    when: 'the number is fenced, and the rows continue elsewhere',
    token: token('void'),
    isClosed: true,
    means: 'moved',
  },
  {
    when: 'the number is fenced, the spreadsheet full, and the rows continue elsewhere',
    token: token('void'),
    sentTo: fullTab,
    isClosed: true,
    means: 'moved',
  },
  { when: 'another installation fenced the number', token: token('void', 'theirs'), means: 'foreign' },
  {
    when: 'the number has rows of another installation',
    token: token('f'.repeat(16), 'theirs'),
    means: 'foreign',
  },
  { when: 'the number has other rows', token: token('f'.repeat(16)), means: 'taken' },
  { when: 'the number has other rows, from before tokens had owners', token: 'f'.repeat(16), means: 'taken' },
  { when: 'the number has something that is not a token', token: '', means: 'taken' },
])('$means, when $when', ({ token: value, sentTo = asSent, now = asSent, isClosed = false, means }) => {
  expect(verdictOf({ batch, token: value, sentTo, now, isClosed })).toBe(means);
});
