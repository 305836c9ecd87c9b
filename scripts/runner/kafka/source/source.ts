import type { Consumer, Kafka } from 'kafkajs';
import type { DeadLetterSink, Send } from '../../delivery/send.ts';
import { systemClock, type Clock } from '../../delivery/clock.ts';
import type { CloudEvent } from '../../../events/cloud-event.ts';
import { MAX_POLL_RECORDS } from '../../../events/limits.ts';
import type { Log } from '../../log.ts';
import type { KafkaSource, Subscriber } from '../../../manifests/types.ts';
import { openStandstill } from '../../delivery/standstill.ts';
import { deliver } from './deliver.ts';
import { openPartition, type Partition } from './partition.ts';
import { type ConsumedRecord, eventOf } from '../../../events/kafka-record.ts';

export interface SourceConsumer {
  /** Commits now what is done. */
  commit(): Promise<void>;
  /** Breaks deliveries off, commits what is done and leaves the group. */
  close(): Promise<void>;
}

/** Keeps a dead letter that no KafkaSink takes, with the name of the source that gave it up. */
export type KeepLetter = (source: string, topic: string, letter: CloudEvent) => Promise<void>;

export interface SourceOptions {
  source: KafkaSource;
  to: Subscriber;
  client: Kafka;
  send: Send;
  deadLetterSink: DeadLetterSink;
  keepLetter: KeepLetter;
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

/** The data plane's `commitIntervalMs` (`OffsetManager`); what a kill leaves uncommitted comes again. */
const COMMIT_EVERY_MS = 5_000;

/**
 * The consumer of a KafkaSource: takes records in as Knative's data plane does (`MAX_POLL_RECORDS`), and commits a record when it and
 * all before it are done. After a rebalance, or a kill, what is not committed is delivered again.
 */
export function startConsumer({
  source,
  to,
  client,
  send,
  deadLetterSink,
  keepLetter,
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
  let retried = 0;
  const tellStandstill = openStandstill({ who: `KafkaSource ${name}`, log, fields: about });
  let committing: Promise<void> | undefined;
  let cancelCommit: (() => void) | undefined;
  let closed = false;

  let joined = false;
  consumer.on(consumer.events.GROUP_JOIN, () => {
    joined = true;
    reset();
  });
  consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
    // Brokers that have only just started refuse at first.
    const level = joined ? 'warn' : 'info';
    log[level]({ ...about, error: error.message }, 'the consumer crashed, will be restarted');
    reset();
    if (!restart) later(run);
  });
  // Before the partitions are given back, as the data plane does: what is done need not come again.
  consumer.on(consumer.events.REBALANCING, () => void commit());

  /** Its partitions are assigned again and begin at what is committed: what is in flight here comes again. */
  function reset() {
    generation.abort(new Error('the partitions are assigned again'));
    generation = new AbortController();
    inFlight = 0;
    retried = 0;
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
      log.warn({ ...about, error: String(error) }, 'the consumer could not start, will be retried');
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
    while (poll() > 0);
    for (const [taken, resume] of paused) {
      if (taken.waiting() > RESUME_AT) continue;
      paused.delete(taken);
      resume();
    }
  }

  /** Returns how many were started. */
  function poll(): number {
    const before = inFlight;
    if (before >= MAX_POLL_RECORDS) return 0;
    let last = before;
    do {
      last = inFlight;
      for (const taken of partitions.values()) {
        const record = inFlight < before + MAX_POLL_RECORDS ? taken.next() : undefined;
        if (record) start(taken, record);
      }
    } while (inFlight > last);
    return inFlight - before;
  }

  function start(taken: Partition, record: ConsumedRecord) {
    const { topic, partition, offset } = record;
    const { signal } = generation;
    inFlight += 1;
    let isRetried = false;
    const { attributes, data } = eventOf(record, name);
    // `CloudEventOverridesMutator`
    const place = { knativekafkapartition: String(partition), knativekafkaoffset: offset };
    deliver({
      event: { attributes: { ...attributes, ...place }, data },
      to,
      delivery,
      send,
      deadLetterSink,
      keepLetter: (...letter) => keepLetter(name, ...letter),
      onRetry() {
        isRetried = true;
        tellStandstill((retried += 1));
      },
      log: (level, message, fields) => log[level]({ ...about, topic, partition, offset, ...fields }, message),
      clock,
      signal,
    }).then(
      () => {
        if (signal.aborted) return;
        inFlight -= 1;
        if (isRetried) tellStandstill((retried -= 1));
        taken.done(record);
        commitWithin(COMMIT_EVERY_MS);
        pump();
      },
      (error: unknown) => {
        // Broken off: the consumer that has the partition now gets it again.
        if (!signal.aborted)
          log.error({ ...about, offset, error: String(error) }, 'a delivery failed unexpectedly');
      },
    );
  }

  function commitWithin(ms: number) {
    if (closed) return;
    cancelCommit ??= clock.after(ms, () => {
      cancelCommit = undefined;
      void commit();
    });
  }

  function commit(): Promise<void> {
    return (committing ??= commitAll().finally(() => (committing = undefined)));
  }

  async function commitAll() {
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
    } catch (error) {
      if (closed) return;
      log.warn({ ...about, error: String(error) }, 'commit failed, will be retried');
      commitWithin(AGAIN_MS);
    }
  }

  let cancelLater = () => {};
  function later(act: () => Promise<void>) {
    if (!closed) cancelLater = clock.after(AGAIN_MS, () => void act());
  }

  void run();
  return {
    commit,
    async close() {
      closed = true;
      cancelLater();
      cancelCommit?.();
      generation.abort(new Error('the source is closing'));
      await committing;
      await commitAll();
      await disconnect(consumer);
    },
  };
}

/** Without a broker there is no group to leave. */
async function disconnect(consumer: Consumer) {
  await consumer.disconnect().catch(() => {});
}
