import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { describeKafka, kafkaStartMs, startTestKafka } from '../../testing/kafka.ts';
import { keptLog, publish, triggerOf } from '../broker/broker-testing.ts';
import type { KafkaSink, KafkaSource, KafkaTopic } from '../../manifests/types.ts';
import { kafkaClient } from './client.ts';
import { connectKafka } from './connection.ts';
import type { KafkaServer } from './server/server.ts';
import { readTopic } from './testing.ts';

const soon = { timeout: 60_000 };

const topicOf = (topic: string, changes: Partial<KafkaTopic> = {}): KafkaTopic => ({
  file: `knative/platform/kafka/${topic}.yaml`,
  topic,
  partitions: 3,
  replicas: 3,
  config: { 'min.insync.replicas': '2', 'retention.ms': '1000000' },
  ...changes,
});
const sinkOf = (topic: string, contentMode: KafkaSink['contentMode']): KafkaSink => ({
  name: topic,
  file: `eventing/${topic}.yaml`,
  topic,
  contentMode,
});

describeKafka('the topics and KafkaSinks of the manifests on a real Kafka', { timeout: 180_000 }, () => {
  let kafka: KafkaServer;
  beforeAll(async () => void (kafka = await startTestKafka()), kafkaStartMs);
  afterAll(() => kafka?.close(), kafkaStartMs);

  async function connect(topics: KafkaTopic[], sinks: KafkaSink[] = [], sources: KafkaSource[] = []) {
    const log = keptLog();
    const connection = await connectKafka({ brokers: kafka.url, topics, sinks, sources, log });
    onTestFinished(connection.close);
    return { ...connection, log };
  }

  test('topics are made with their settings, and with fewer replicas where there are fewer brokers', async () => {
    const { changes } = await connect([topicOf('made')]);
    expect(changes).toEqual(['made: replicas=1 min.insync.replicas=1  as there is one broker']);
    const admin = kafkaClient(kafka.url).admin();
    await admin.connect();
    onTestFinished(() => admin.disconnect());
    const [made] = (await admin.fetchTopicMetadata({ topics: ['made'] })).topics;
    expect(made?.partitions).toHaveLength(3);
    // 2 = a topic
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: 2, name: 'made', configNames: ['min.insync.replicas', 'retention.ms'] }],
    });
    const settings = resources[0]?.configEntries.map(({ configName, configValue }) => [
      configName,
      configValue,
    ]);
    expect(Object.fromEntries(settings ?? [])).toEqual({
      'min.insync.replicas': '1',
      'retention.ms': '1000000',
    });
  });

  test('a topic that exists already is left as it is, and reported when it differs', async () => {
    await connect([topicOf('stands')]);
    const { log } = await connect([topicOf('stands', { partitions: 5 })]);
    expect(log.lines).toMatchObject([{ level: 'warn', fields: { topic: 'stands', has: 3, wanted: 5 } }]);
  });

  test('a sink whose topic no manifest makes stops the start, with its file', async () => {
    await expect(connect([], [sinkOf('nowhere', 'binary')])).rejects.toThrow(
      'eventing/nowhere.yaml: there is no topic nowhere',
    );
  });

  test('a Kafka that is not there stops the start, with its address', async () => {
    const attempt = connectKafka({
      brokers: '127.0.0.1:1',
      topics: [],
      sinks: [],
      sources: [],
      log: keptLog(),
    });
    await expect(attempt).rejects.toThrow('Kafka at 127.0.0.1:1: ');
  });

  test.each(['binary', 'structured'] as const)(
    'a KafkaSink writes what it is sent in %s mode',
    async (mode) => {
      const { sinks } = await connect([topicOf(mode)], [sinkOf(mode, mode)]);
      const url = sinks.get(mode) ?? '';
      expect(new URL(url).pathname).toBe(`/formbus/${mode}`);
      expect((await publish(url, { id: 'e1', partitionkey: 'p1' })).status).toBe(202);
      const records = await readTopic(kafka.url, mode);
      await expect.poll(() => records.length, soon).toBe(1);
      const [{ key, value, headers = {} } = { key: null, value: null }] = records;
      const binary = {
        ce_id: 'e1',
        ce_specversion: '1.0',
        ce_source: '/s',
        ce_type: 't',
        ce_partitionkey: 'p1',
      };
      const told = Object.entries(headers).map(([name, text]) => [name, String(text)]);
      expect({ key: String(key), headers: Object.fromEntries(told) }).toEqual({
        key: 'p1',
        headers:
          mode === 'binary'
            ? { ...binary, 'content-type': 'application/json' }
            : { 'content-type': 'application/cloudevents+json' },
      });
      const data: unknown = JSON.parse(String(value));
      expect(data).toMatchObject(mode === 'binary' ? { a: 1 } : { id: 'e1', data: { a: 1 } });
      expect((await fetch(url, { method: 'POST', body: 'no event' })).status).toBe(400);
    },
  );

  test('the figures have each record that the group of a source has not committed, and where the topics end', async () => {
    const source: KafkaSource = {
      name: 'counted',
      file: 'eventing/sources/counted.yaml',
      topics: ['counted'],
      consumerGroup: 'counters',
      consumers: 1,
      initialOffset: 'earliest',
      ordering: 'unordered',
      delivery: triggerOf('counted').delivery,
      sink: { broker: 'bus' },
    };
    const topics = [topicOf('counted'), topicOf('empty')];
    const sinks = [sinkOf('counted', 'binary'), sinkOf('empty', 'binary')];
    const connection = await connect(topics, sinks, [source]);
    for (const id of ['1', '2', '3', '4'])
      expect((await publish(connection.sinks.get('counted') ?? '', { id })).status).toBe(202);
    const total = async () => {
      const { lags, offsets } = await connection.figures();
      const end = (name: string) =>
        offsets.filter(({ topic }) => topic === name).reduce((sum, { offset }) => sum + offset, 0);
      expect(lags.map(({ consumergroup, topic }) => `${consumergroup} ${topic}`)).toEqual(
        Array(3).fill('counters counted'),
      );
      return {
        lag: lags.reduce((sum, { lag }) => sum + lag, 0),
        counted: end('counted'),
        empty: end('empty'),
      };
    };
    expect(await total()).toEqual({ lag: 4, counted: 4, empty: 0 });
    const done = { status: 202, headers: {}, body: Buffer.alloc(0) };
    connection.startSources({
      broker: 'http://127.0.0.1:1/bus',
      send: () => Promise.resolve(done),
      keepLetter: () => Promise.reject(new Error('there are none')),
    });
    await expect.poll(total, soon).toEqual({ lag: 0, counted: 4, empty: 0 });
  });

  test('a KafkaSink answers 503 while Kafka does not acknowledge, and 202 when it does again', async () => {
    const { sinks } = await connect([topicOf('frozen')], [sinkOf('frozen', 'binary')]);
    const post = async () => (await publish(sinks.get('frozen') ?? '', { id: 'e1' })).status;
    expect(await post()).toBe(202);
    kafka.brokers[0]?.freeze();
    onTestFinished(() => kafka.brokers[0]?.thaw());
    expect(await post()).toBe(503);
    kafka.brokers[0]?.thaw();
    await expect.poll(post, soon).toBe(202);
  });
});
