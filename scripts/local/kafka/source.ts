import type { Consumer, Kafka } from 'kafkajs';
import type { DeadLetterSink, Send } from '../broker.ts';
import { systemClock, type Clock } from '../clock.ts';
import { MAX_IN_FLIGHT } from '../dispatcher.ts';
import type { Log } from '../log.ts';
import type { KafkaSource, Subscriber } from '../manifests.ts';
import { deliver } from './delivery.ts';
import { openPartition, type Partition } from './partition.ts';
import { type ConsumedRecord, eventOf } from './record.ts';

export interface SourceConsumer {
  /** Records under way, those that wait for a retry too. */
  inFlight(): number;
  /** Breaks deliveries off, commits what is done and leaves the group. */
  close(): Promise<void>;
}

export interface SourceOptions {
  source: KafkaSource;
  to: Subscriber;
  client: Kafka;
  send: Send;
  deadLetterSink: DeadLetterSink;
  log: Log;
  clock?: Clock;
}

/** A partition of which more wait is not fetched from until fewer do. */
const PAUSE_AT = 500;
const RESUME_AT = 100;

const settings = {
  // The shortest that brokers allow by default: for so long a group waits for a member that was killed.
  sessionTimeout: 6_000,
  heartbeatInterval: 1_500,
  // kafkajs looks for new partitions and for the end of a pause only between fetches.
  maxWaitTimeInMs: 250,
  maxBytesPerPartition: 65_536,
  retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 5 },
};

/** How long a start that failed, or a commit, waits for the next try. */
const AGAIN_MS = 1_000;

/** Between two commits: each is a request to Kafka, and what a kill leaves uncommitted comes again. */
const COMMIT_EVERY_MS = 100;

/**
 * One consumer of a KafkaSource: takes records in as long as fewer than fifty are under way, as Knative's data plane does, and
 * commits a record when it and all before it are done. After a rebalance, or a kill, what is not committed is delivered again.
 */
export function startConsumer({
  source,
  to,
  client,
  send,
  deadLetterSink,
  log,
  clock = systemClock,
}: SourceOptions): SourceConsumer {
  const { name, topics, consumerGroup: groupId, initialOffset, ordering, delivery } = source;
  const about = { from: 'kafka', source: name };
  const consumer = client.consumer({ groupId, ...settings });
  let partitions = new Map<string, Partition>();
  /** Those that are not fetched from, with what ends that. */
  const paused = new Map<Partition, () => void>();
  let generation = new AbortController();
  let inFlight = 0;
  let committing: Promise<void> | undefined;
  let closed = false;

  let joined = false;
  consumer.on(consumer.events.GROUP_JOIN, () => {
    joined = true;
    startAnew();
  });
  consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
    // Brokers that have only just started refuse at first.
    const level = joined ? 'warn' : 'info';
    log[level]({ ...about, error: error.message }, 'the consumer was put off and tries again');
    startAnew();
    if (!restart) later(run);
  });

  /** Its partitions are dealt out anew and begin at what is committed: what is under way here comes again. */
  function startAnew() {
    generation.abort(new Error('the partitions are dealt out anew'));
    generation = new AbortController();
    inFlight = 0;
    partitions = new Map();
    for (const resume of paused.values()) resume();
    paused.clear();
  }

  async function run(): Promise<void> {
    try {
      await consumer.connect();
      await consumer.subscribe({ topics, fromBeginning: initialOffset === 'earliest' });
      await consumer.run({
        autoCommit: false,
        eachBatch: async ({ batch, pause }) => {
          const { topic, partition } = batch;
          const taken = partitionOf(topic, partition);
          taken.take(batch.messages.map((message) => ({ ...message, topic, partition })));
          pump();
          if (taken.waiting() > PAUSE_AT) paused.set(taken, pause());
        },
      });
    } catch (error) {
      log.warn({ ...about, error: String(error) }, 'the consumer could not start and tries again');
      later(run);
    }
  }

  function partitionOf(topic: string, partition: number): Partition {
    const key = `${topic} ${partition}`;
    const known = partitions.get(key);
    if (known) return known;
    const fresh = openPartition(topic, partition, ordering === 'ordered');
    partitions.set(key, fresh);
    return fresh;
  }

  /** Starts what may be started, a record of each partition in turn. */
  function pump() {
    if (closed) return;
    let started = true;
    while (started && inFlight < MAX_IN_FLIGHT) {
      started = false;
      for (const taken of partitions.values()) {
        const record = inFlight < MAX_IN_FLIGHT ? taken.next() : undefined;
        if (!record) continue;
        start(taken, record);
        started = true;
      }
    }
    for (const [taken, resume] of paused) {
      if (taken.waiting() > RESUME_AT) continue;
      paused.delete(taken);
      resume();
    }
  }

  function start(taken: Partition, record: ConsumedRecord) {
    const { topic, partition, offset } = record;
    const { signal } = generation;
    inFlight += 1;
    deliver({
      event: eventOf(record, name),
      to,
      delivery,
      send,
      deadLetterSink,
      log: (level, message, fields) => log[level]({ ...about, topic, partition, offset, ...fields }, message),
      clock,
      signal,
    }).then(
      () => {
        if (signal.aborted) return;
        inFlight -= 1;
        taken.done(record);
        commit();
        pump();
      },
      (error: unknown) => {
        // Broken off: whoever has the partition now gets it again.
        if (!signal.aborted) log.error({ ...about, offset, error: String(error) }, 'a delivery failed oddly');
      },
    );
  }

  /** What gets done while a commit is under way goes with the next. */
  function commit() {
    committing ??= commitAll().finally(() => (committing = undefined));
  }

  async function commitAll() {
    for (;;) {
      const done = [...partitions.values()].flatMap((taken) => {
        const offset = taken.toCommit();
        return offset === undefined ? [] : [{ taken, offset }];
      });
      if (done.length === 0) return;
      try {
        await consumer.commitOffsets(
          done.map(({ taken: { topic, partition }, offset }) => ({ topic, partition, offset })),
        );
        for (const { taken, offset } of done) taken.committed(offset);
        if (closed) continue;
        await new Promise<void>((resolve) => void clock.after(COMMIT_EVERY_MS, resolve));
      } catch (error) {
        if (closed) return;
        log.warn({ ...about, error: String(error) }, 'a commit failed and is tried again');
        await new Promise<void>((resolve) => void clock.after(AGAIN_MS, resolve));
      }
    }
  }

  let cancelLater = () => {};
  function later(act: () => Promise<void>) {
    if (!closed) cancelLater = clock.after(AGAIN_MS, () => void act());
  }

  void run();
  return {
    inFlight: () => inFlight,
    async close() {
      closed = true;
      cancelLater();
      generation.abort(new Error('the source is closing'));
      await committing;
      await commitAll();
      await disconnect(consumer);
    },
  };
}

/** With no broker left there is nobody to say goodbye to. */
async function disconnect(consumer: Consumer) {
  await consumer.disconnect().catch(() => {});
}
