import { setTimeout as sleep } from 'node:timers/promises';
import type { Admin } from 'kafkajs';
import type { DeadLetterSink, Send } from '../delivery/send.ts';
import type { Log } from '../log.ts';
import type { Lag, Offset } from '../gateway/metrics.ts';
import type { KafkaSink, KafkaSource, KafkaTopic, Subscriber } from '../../manifests/types.ts';
import { kafkaClient } from './client.ts';
import type { GivenKafka } from './given.ts';
import { openSink, type Sink } from './sink.ts';
import { type KeepLetter, startConsumer, type SourceConsumer } from './source/source.ts';
import { makeTopics } from './topics.ts';

/** The runner's connection to Kafka: the topics, KafkaSinks and KafkaSources of the manifests. */
export interface KafkaConnection {
  /** What is other than the manifests say, a line each. */
  changes: string[];
  deadLetterSink: DeadLetterSink;
  /** URLs of the KafkaSinks' ingresses by name: POST a CloudEvent, 202 = its record has all acknowledgements. */
  sinks: Map<string, string>;
  /** Starts all consumers; they join their groups in the background. `broker`: URL of the Broker's ingress. */
  startSources(to: { broker: string; send: Send; keepLetter: KeepLetter }): void;
  /** Resolves when all records of the sources' topics are committed, or after `limitMs`. */
  idle(limitMs: number): Promise<void>;
  /** What the sources' groups have not committed, and where the topics of sources and sinks end. */
  figures(): Promise<{ lags: Lag[]; offsets: Offset[] }>;
  /** Ends the sources; the sinks still accept the Broker's dead letters. */
  closeSources(): Promise<void>;
  close(): Promise<void>;
}

const IDLE_EVERY_MS = 50;

/**
 * @param brokers what KAFKA_BROKERS holds
 * @throws Error when Kafka cannot be reached or a topic is missing
 */
export async function connectKafka({
  brokers,
  settings,
  topics,
  sinks,
  sources,
  log,
}: {
  brokers: string;
  settings?: GivenKafka['settings'] | undefined;
  topics: KafkaTopic[];
  sinks: KafkaSink[];
  sources: KafkaSource[];
  log: Log;
}): Promise<KafkaConnection> {
  // A sink answers within some seconds, also when the brokers do not.
  const client = kafkaClient(brokers, {
    ...settings,
    connectionTimeout: 3_000,
    requestTimeout: 5_000,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 5 },
  });
  const admin = client.admin();
  const producer = client.producer({ allowAutoTopicCreation: false, retry: { retries: 2 } });
  const opened = new Map<string, Sink>();
  const consumers: SourceConsumer[] = [];
  const closeSources = async () => {
    await Promise.all(consumers.map((consumer) => consumer.close()));
  };
  const close = async () => {
    await closeSources();
    await Promise.all([...opened.values()].map((sink) => sink.close()));
    await Promise.all([admin.disconnect(), producer.disconnect()]).catch(() => {});
  };

  try {
    await Promise.all([admin.connect(), producer.connect()]);
    const needed = [
      ...sinks.map(({ file, topic }) => ({ file, topic })),
      ...sources.flatMap(({ file, topics: read }) => read.map((topic) => ({ file, topic }))),
    ];
    const changes = await makeTopics({ admin, topics, needed, log });
    for (const sink of sinks) opened.set(sink.name, await openSink({ sink, producer, log }));
    const deadLetterSink: DeadLetterSink = async (name, letter) => {
      const open = opened.get(name);
      if (!open) throw new Error(`there is no KafkaSink ${name}`);
      // Not by HTTP: what was refused for its size or its headers would be refused again.
      await open.append(letter);
    };
    return {
      changes,
      deadLetterSink,
      sinks: new Map([...opened].map(([name, { url }]) => [name, url])),
      startSources({ broker, send, keepLetter }) {
        for (const source of sources) {
          const to: Subscriber = 'broker' in source.sink ? { uri: broker } : source.sink;
          // However many `consumers` it asks for: they are one in each dispatcher pod.
          consumers.push(startConsumer({ source, to, client, send, deadLetterSink, keepLetter, log }));
        }
      },
      async idle(limitMs) {
        const limit = sleep(limitMs, 'late', { ref: false });
        for (;;) {
          await Promise.race([Promise.all(consumers.map((consumer) => consumer.commit())), limit]);
          const lag = await Promise.race([totalLag(admin, sources).catch(() => 1), limit]);
          if (lag === 0 || lag === 'late') return;
          await sleep(IDLE_EVERY_MS);
        }
      },
      async figures() {
        const read = new Set(needed.map(({ topic }) => topic));
        const [lags, offsets] = await Promise.all([
          lagsOf(admin, sources),
          Promise.all([...read].map((topic) => offsetsOf(admin, topic))),
        ]);
        return { lags, offsets: offsets.flat() };
      },
      closeSources,
      close,
    };
  } catch (cause) {
    await close();
    throw new Error(`Kafka at ${brokers}: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
}

async function totalLag(admin: Admin, sources: KafkaSource[]): Promise<number> {
  return (await lagsOf(admin, sources)).reduce((sum, { lag }) => sum + lag, 0);
}

/** Records that the groups have not committed. */
async function lagsOf(admin: Admin, sources: KafkaSource[]): Promise<Lag[]> {
  const lags: Lag[] = [];
  for (const { topics, consumerGroup, initialOffset } of sources) {
    for (const { topic, partitions } of await admin.fetchOffsets({ groupId: consumerGroup, topics })) {
      const committed = new Map(partitions.map(({ partition, offset }) => [partition, Number(offset)]));
      for (const { partition, high, low } of await admin.fetchTopicOffsets(topic)) {
        const offset = committed.get(partition) ?? -1;
        // -1 = the group has not committed any yet.
        const begin = initialOffset === 'latest' && offset === -1 ? high : low;
        const lag = Number(high) - Math.max(offset, Number(begin));
        lags.push({ consumergroup: consumerGroup, topic, partition, lag });
      }
    }
  }
  return lags;
}

async function offsetsOf(admin: Admin, topic: string): Promise<Offset[]> {
  const partitions = await admin.fetchTopicOffsets(topic);
  return partitions.map(({ partition, high }) => ({ topic, partition, offset: Number(high) }));
}
