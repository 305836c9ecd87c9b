/** A partition in Kafka's metadata; `leader` is negative while it has none. */
export interface PartitionOfTopic {
  partitionId: number;
  leader: number;
}

export interface Turn {
  partition: number;
  /** Call it once, when the batch was written or given up. */
  end(how: 'written' | 'failed'): void;
}

/** How long the partitions of a failed broker come last. */
const avoidMs = 3_000;

/**
 * Assigns partitions to batches: each to one batch at a time, in turn, so that all fill evenly. Partitions of brokers with few
 * batches under way come first, those of a broker that has just failed last, so that a hanging broker holds up few batches.
 * @returns a function that takes a topic's partitions; it throws when none is free
 */
export function openPartitionTurns({ now = Date.now, first = Math.floor(Math.random() * 1_000) } = {}): (
  partitions: readonly PartitionOfTopic[],
) => Turn {
  const busy = new Map<number, number>();
  const failedAt = new Map<number, number>();
  let turn = first;

  /** The lowest comes first. */
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
