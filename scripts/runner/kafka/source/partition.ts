import type { ConsumedRecord } from '../../../events/kafka-record.ts';

/** The records of one partition that a consumer has taken and not finished, from its assignment to the next rebalance. */
export interface Partition {
  topic: string;
  partition: number;
  take(records: ConsumedRecord[]): void;
  /** Taken and not started. */
  waiting(): number;
  /** The next record to start; undefined when none waits or, in order, the one before it is not done. */
  next(): ConsumedRecord | undefined;
  done(record: ConsumedRecord): void;
  /** The offset to commit: everything below it is done. Undefined when that is committed already. */
  toCommit(): string | undefined;
  committed(offset: string): void;
}

/** @param ordered one record at a time */
export function openPartition(topic: string, partition: number, ordered: boolean): Partition {
  const queue: ConsumedRecord[] = [];
  /** In the order of their offsets; they may leave in any order. */
  const open = new Set<string>();
  let started = 0;
  let afterLast: string | undefined;
  let lastCommit: string | undefined;

  return {
    topic,
    partition,
    take(records) {
      for (const record of records) {
        queue.push(record);
        open.add(record.offset);
        afterLast = String(BigInt(record.offset) + 1n);
      }
    },
    waiting: () => queue.length,
    next() {
      if (ordered && started > 0) return undefined;
      const record = queue.shift();
      if (record) started += 1;
      return record;
    },
    done({ offset }) {
      started -= 1;
      open.delete(offset);
    },
    toCommit() {
      const [lowestOpen] = open;
      const offset = lowestOpen ?? afterLast;
      return offset === lastCommit ? undefined : offset;
    },
    committed(offset) {
      lastCommit = offset;
    },
  };
}
