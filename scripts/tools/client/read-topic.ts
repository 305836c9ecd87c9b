import { randomUUID } from 'node:crypto';
import type { Admin, Consumer, Kafka } from 'kafkajs';
import { askLeaders } from '../../events/leaders.ts';
import type { ConsumedRecord } from '../../events/kafka-record.ts';

export interface ReadTopicOptions {
  client: Kafka;
  topic: string;
  /** Skips records that Kafka received before; milliseconds since 1970. */
  since?: number | undefined;
  /** Continues at these offsets, by partition, instead of `since`. */
  after?: Record<string, string>;
}

interface Partition {
  /** The next offset to read, and the first that is not read. */
  next: bigint;
  end: bigint;
  waiting: ConsumedRecord[];
}

/** Records of one partition that wait in memory; beyond that, reading it pauses. */
const mostWaiting = 1_000;
const heartbeatEveryMs = 1_000;

/**
 * Reads a topic up to its present end, the oldest records first, over all partitions. Commits nothing, so that it disturbs no consumer.
 * @throws Error when there is no such topic, or Kafka does not answer
 */
export async function* readTopic({
  client,
  topic,
  ...from
}: ReadTopicOptions): AsyncGenerator<ConsumedRecord> {
  const partitions = await askLeaders(client, (admin) => rangesOf(admin, topic, from));
  const isOver = ({ next, end }: Partition) => next >= end;
  if ([...partitions.values()].every(isOver)) return;

  let changed = Promise.withResolvers<void>();
  const change = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const consumer = client.consumer({ groupId: `formbus-reader-${randomUUID()}`, maxWaitTimeInMs: 250 });
  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
      if (!restart) changed.reject(error);
    });
    // Each time: a consumer that crashes, for example while Kafka starts, joins again by itself without its place.
    consumer.on(consumer.events.GROUP_JOIN, () => seekAll(consumer, topic, partitions));
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: partitions.size,
      async eachBatch({ batch, heartbeat }) {
        const partition = partitions.get(batch.partition);
        if (!partition) return;
        for (const message of batch.messages) {
          const offset = BigInt(message.offset);
          if (offset < partition.next || offset >= partition.end) continue;
          partition.next = offset + 1n;
          partition.waiting.push({ ...message, topic, partition: batch.partition });
        }
        // Compaction leaves gaps: the last offsets before the end may not exist.
        if (BigInt(batch.lastOffset()) + 1n >= partition.end) partition.next = partition.end;
        change();
        while (partition.waiting.length > mostWaiting) {
          await Promise.race([changed.promise, sleep(heartbeatEveryMs)]);
          await heartbeat();
        }
      },
    });
    for (;;) {
      const open = [...partitions.values()].filter((one) => one.waiting.length > 0 || !isOver(one));
      if (open.length === 0) return;
      if (open.every(({ waiting }) => waiting.length > 0)) {
        const oldest = open.reduce((a, b) => (timeOf(b) < timeOf(a) ? b : a));
        const record = oldest.waiting.shift();
        if (record) yield record;
        if (oldest.waiting.length === mostWaiting) change();
      } else await changed.promise;
    }
  } finally {
    for (const partition of partitions.values()) partition.waiting = [];
    change();
    await consumer.disconnect();
  }
}

/** Where each partition is read from and to. */
async function rangesOf(
  admin: Admin,
  topic: string,
  { since = 0, after = {} }: Pick<ReadTopicOptions, 'since' | 'after'>,
): Promise<Map<number, Partition>> {
  const there = await admin.listTopics();
  if (!there.includes(topic)) throw new Error(`Kafka has no topic ${topic}; there are ${there.join(', ')}`);
  const ends = await admin.fetchTopicOffsets(topic);
  const starts = await admin.fetchTopicOffsetsByTimestamp(topic, since);
  return new Map(
    ends.map(({ partition, high, low }) => {
      const found = after[partition] ?? starts.find((one) => one.partition === partition)?.offset ?? low;
      const next = BigInt(found) < BigInt(low) ? BigInt(low) : BigInt(found);
      return [partition, { next, end: BigInt(high), waiting: [] }];
    }),
  );
}

function seekAll(consumer: Consumer, topic: string, partitions: Map<number, Partition>): void {
  for (const [partition, { next, end }] of partitions) {
    if (next >= end) consumer.pause([{ topic, partitions: [partition] }]);
    else consumer.seek({ topic, partition, offset: String(next) });
  }
}

function timeOf({ waiting: [first] }: Partition): number {
  return Number(first?.timestamp);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
