import { randomUUID } from 'node:crypto';
import type { Admin, IHeaders } from 'kafkajs';
import { onTestFinished } from 'vitest';
import type { Send } from '../delivery/send.ts';
import { keptLog } from '../broker/broker-testing.ts';
import type { CloudEvent } from '../../events/cloud-event.ts';
import type { KafkaSource } from '../../manifests/types.ts';
import { kafkaClient } from './client.ts';
import { connectKafka } from './connection.ts';
import type { ConsumedRecord } from '../../events/kafka-record.ts';
import { createTopics } from './topics.ts';

/** What the tests of KafkaSources share: a topic of the test's own, records in it and what has become of them. */
export interface TestTopic {
  brokers: string;
  topic: string;
  deadLetters: string;
  admin: Admin;
  /** With acks=all; where no partition is said, partition 0. */
  produce(messages: TestMessage[]): Promise<void>;
}
export interface TestMessage {
  key?: string;
  value: string | null;
  headers?: IHeaders;
  /** Milliseconds since 1970. */
  timestamp?: string;
  partition?: number;
}

export async function makeTopic(brokers: string, { partitions = 1 } = {}): Promise<TestTopic> {
  const topic = `t-${randomUUID()}`;
  const deadLetters = `${topic}-dead`;
  const client = kafkaClient(brokers);
  // Idempotent: on a topic that is new one partition may fail, and all are sent again.
  const [admin, producer] = [client.admin(), client.producer({ idempotent: true, maxInFlightRequests: 1 })];
  await Promise.all([admin.connect(), producer.connect()]);
  onTestFinished(async () => void (await Promise.all([admin.disconnect(), producer.disconnect()])));
  await createTopics(admin, [{ topic, numPartitions: partitions }, { topic: deadLetters }]);
  return {
    brokers,
    topic,
    deadLetters,
    admin,
    async produce(messages) {
      const explicit = messages.map((message) => ({ partition: 0, ...message }));
      await producer.send({ topic, acks: -1, messages: explicit });
    },
  };
}

/** A CloudEvent in binary mode. */
export function eventMessage(id: string, { partition = 0 } = {}): TestMessage {
  const headers = {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: '/s',
    ce_type: 't',
    'content-type': 'application/json',
  };
  return { key: id, value: `{"id":"${id}"}`, headers, partition };
}

type Changes = Partial<Omit<KafkaSource, 'delivery'>> & { delivery?: Partial<KafkaSource['delivery']> };

/** A KafkaSource of the topic that begins at its start and retries once after 10 ms. */
export function sourceOf(
  { topic, deadLetters }: TestTopic,
  { delivery, ...others }: Changes = {},
): KafkaSource {
  return {
    name: 'orders',
    file: 'eventing/sources/orders.yaml',
    topics: [topic],
    consumerGroup: `group-${topic}`,
    consumers: 1,
    initialOffset: 'earliest',
    ordering: 'unordered',
    sink: { broker: 'bus' },
    ...others,
    delivery: {
      retry: 1,
      backoffPolicy: 'linear',
      backoffDelayMs: 10,
      timeoutMs: 60_000,
      deadLetterTopic: deadLetters,
      deadLetterSink: 'dead',
      ...delivery,
    },
  };
}

/** Runs a KafkaSource on the topic until `close`, or the end of the test. */
export async function runSource(topic: TestTopic, send: Send, changes: Changes = {}) {
  const log = keptLog();
  const { brokers, deadLetters } = topic;
  const source = sourceOf(topic, changes);
  const sink = {
    name: 'dead',
    file: 'eventing/dead.yaml',
    topic: deadLetters,
    contentMode: 'binary' as const,
  };
  const connection = await connectKafka({ brokers, topics: [], sinks: [sink], sources: [source], log });
  const kept: CloudEvent[] = [];
  const keepLetter = async (_source: string, _topic: string, letter: CloudEvent) => void kept.push(letter);
  connection.startSources({ broker: 'http://bus.local/', send, keepLetter });
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= connection.close());
  onTestFinished(close);
  return { ...connection, close, log, kept };
}

/** What a group has committed in partition 0; -1 = nothing. */
export async function committed({ admin, topic }: TestTopic, groupId = `group-${topic}`): Promise<number> {
  const [of] = await admin.fetchOffsets({ groupId, topics: [topic] });
  return Number(of?.partitions.find(({ partition }) => partition === 0)?.offset ?? -1);
}

/** Reads a topic from its beginning; the list grows as records come. */
export async function readTopic(brokers: string, topic: string): Promise<ConsumedRecord[]> {
  const records: ConsumedRecord[] = [];
  const consumer = kafkaClient(brokers).consumer({ groupId: `reader-${randomUUID()}`, maxWaitTimeInMs: 200 });
  onTestFinished(() => consumer.disconnect());
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ partition, message }) => void records.push({ ...message, topic, partition }),
  });
  return records;
}
