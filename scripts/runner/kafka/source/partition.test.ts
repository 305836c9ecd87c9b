import { expect, test } from 'vitest';
import { openPartition } from './partition.ts';
import type { ConsumedRecord } from '../../../events/kafka-record.ts';

const records = (...offsets: number[]): ConsumedRecord[] =>
  offsets.map((offset) => ({
    topic: 't',
    partition: 0,
    offset: String(offset),
    timestamp: '0',
    key: null,
    value: null,
  }));

/** All that may be started now. */
function startAll(partition: ReturnType<typeof openPartition>): ConsumedRecord[] {
  const started: ConsumedRecord[] = [];
  for (let record = partition.next(); record; record = partition.next()) started.push(record);
  return started;
}

test('commits only up to the first record that is not done, whatever is done beyond it', () => {
  const partition = openPartition('t', 0, false);
  partition.take(records(7, 8, 9));
  const [first, second, third] = startAll(partition);
  expect(partition.toCommit()).toBe('7');
  if (third) partition.done(third);
  expect(partition.toCommit()).toBe('7');
  if (first) partition.done(first);
  expect(partition.toCommit()).toBe('8');
  partition.committed('8');
  expect(partition.toCommit()).toBeUndefined();
  if (second) partition.done(second);
  expect(partition.toCommit()).toBe('10');
});

test('knows gaps: offsets that compaction or transactions left out hold nothing up', () => {
  const partition = openPartition('t', 0, false);
  partition.take(records(1, 5));
  for (const record of startAll(partition)) partition.done(record);
  expect(partition.toCommit()).toBe('6');
});

test('starts the next record only after the one before it when it is ordered', () => {
  const partition = openPartition('t', 0, true);
  partition.take(records(1, 2));
  const [first, ...others] = startAll(partition);
  expect([first?.offset, others]).toEqual(['1', []]);
  if (first) partition.done(first);
  expect(startAll(partition).map(({ offset }) => offset)).toEqual(['2']);
});
