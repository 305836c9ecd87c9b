/** A partition as Kafka's metadata tell of it; `leader` is below 0 where there is none at the moment. */
export interface PartitionOfTopic {
  partitionId: number;
  leader: number;
}

export interface Turn {
  partition: number;
  /** To be called once, when it is known or given up what became of the batch. */
  end(how: 'written' | 'failed'): void;
}

/** For how long the partitions of a broker that has failed are passed over, while there are others. */
const avoidMs = 3_000;

/**
 * Deals partitions out to batches: each to one batch at a time, in turn, so that all fill alike. Those whose broker has few other
 * batches under way go first, and those whose broker has just failed last: one that hangs holds few batches up.
 * @returns a function that takes a topic's partitions; it throws when none is free
 */
export function openPartitionTurns({ now = Date.now, first = Math.floor(Math.random() * 1_000) } = {}): (
  partitions: readonly PartitionOfTopic[],
) => Turn {
  const busy = new Map<number, number>();
  const failedAt = new Map<number, number>();
  let turn = first;

  /** The lower, the sooner it is taken. */
  function reluctance({ leader }: PartitionOfTopic): [number, number] {
    const avoided = (failedAt.get(leader) ?? -Infinity) + avoidMs - now();
    const underWay = [...busy.values()].filter((other) => other === leader).length;
    return [Math.max(0, avoided), underWay];
  }

  return (partitions) => {
    const free = partitions
      .filter(({ leader, partitionId }) => leader >= 0 && !busy.has(partitionId))
      .toSorted((a, b) => a.partitionId - b.partitionId);
    const inTurn = free
      .map((_, index) => free[(turn + index) % free.length])
      .filter((one) => one !== undefined);
    const [chosen] = inTurn
      .map((one) => ({ ...one, order: reluctance(one) }))
      .toSorted((a, b) => a.order[0] - b.order[0] || a.order[1] - b.order[1]);
    if (!chosen) throw new Error('no partition is free, or none has a leader');
    const { partitionId, leader } = chosen;
    turn += 1;
    busy.set(partitionId, leader);
    return {
      partition: partitionId,
      end(how) {
        busy.delete(partitionId);
        if (how === 'written') failedAt.delete(leader);
        else failedAt.set(leader, now());
      },
    };
  };
}
