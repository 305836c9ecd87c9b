import { expect, it } from 'vitest';
import { openPartitionTurns, type PartitionOfTopic } from './partition-turns.ts';

/** Partitions 0 to 5, led in turn by the brokers 1 to 3. */
const partitions: PartitionOfTopic[] = [0, 1, 2, 3, 4, 5].map((id) => ({
  partitionId: id,
  leader: (id % 3) + 1,
}));
const brokerOf = (partition: number) => (partition % 3) + 1;

it('uses all partitions in turn', () => {
  const take = openPartitionTurns({ first: 0 });
  const taken = Array.from({ length: 12 }, () => {
    const { partition, end } = take(partitions);
    end('written');
    return partition;
  });
  expect(taken).toEqual([0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5]);
});

it('never assigns a partition to two batches at once', () => {
  const take = openPartitionTurns();
  const turns = partitions.map(() => take(partitions));
  expect(new Set(turns.map(({ partition }) => partition)).size).toBe(6);
  expect(() => take(partitions)).toThrow('no partition is free');
  turns[2]?.end('written');
  expect(take(partitions).partition).toBe(turns[2]?.partition);
});

it('prefers brokers that have few batches under way', () => {
  const take = openPartitionTurns({ first: 0 });
  const hanging = take(partitions);
  const others = Array.from({ length: 8 }, () => {
    const { partition, end } = take(partitions);
    end('written');
    return brokerOf(partition);
  });
  expect(others).not.toContain(brokerOf(hanging.partition));
});

it('avoids a failed broker for three seconds, unless it is the only one', () => {
  let time = 0;
  const take = openPartitionTurns({ first: 0, now: () => time });
  const failed = take(partitions);
  failed.end('failed');
  const sixTurns = () =>
    new Set(
      Array.from({ length: 6 }, () => {
        const { partition, end } = take(partitions);
        end('written');
        return brokerOf(partition);
      }),
    );
  expect(sixTurns()).toEqual(new Set([2, 3]));
  const own = partitions.filter(({ leader }) => leader === brokerOf(failed.partition));
  const { partition, end } = take(own);
  expect(brokerOf(partition)).toBe(brokerOf(failed.partition));
  end('failed');
  time = 3_000;
  expect(sixTurns()).toEqual(new Set([1, 2, 3]));
});

it('skips partitions without a leader', () => {
  const take = openPartitionTurns();
  const leaderless = partitions.map((one) => ({ ...one, leader: one.partitionId === 4 ? 2 : -1 }));
  expect(take(leaderless).partition).toBe(4);
});
