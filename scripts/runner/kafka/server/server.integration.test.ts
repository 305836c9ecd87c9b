import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeKafka, kafkaStartMs, startTestKafka } from '../../../testing/kafka.ts';
import { kafkaClient } from '../client.ts';
import { createTopics } from '../topics.ts';
import type { KafkaServer } from './server.ts';

describeKafka('three brokers', () => {
  let kafka: KafkaServer;
  beforeAll(async () => void (kafka = await startTestKafka({ brokers: 3 })), kafkaStartMs);
  afterAll(() => kafka?.close(), kafkaStartMs);

  test('a killed leader loses nothing that was acknowledged, and comes back on its own log', async () => {
    const client = kafkaClient(kafka.url, { retry: { retries: 30, maxRetryTime: 1_000 } });
    const admin = client.admin();
    const producer = client.producer();
    await Promise.all([admin.connect(), producer.connect()]);
    const configEntries = [{ name: 'min.insync.replicas', value: '2' }];
    await createTopics(admin, [{ topic: 'kept', numPartitions: 1, replicationFactor: 3, configEntries }]);
    const sent: string[] = [];
    const send = async (value: string) => {
      await producer.send({ topic: 'kept', acks: -1, messages: [{ value }] });
      sent.push(value);
    };
    for (let i = 0; i < 50; i += 1) await send(`before ${i}`);

    const metadata = await admin.fetchTopicMetadata({ topics: ['kept'] });
    const leader = kafka.brokers.find(({ id }) => id === metadata.topics[0]?.partitions[0]?.leader);
    await leader?.kill();
    for (let i = 0; i < 50; i += 1) await send(`without ${leader?.id} ${i}`);
    await leader?.restart();
    for (let i = 0; i < 50; i += 1) await send(`after ${i}`);

    expect(sent).toHaveLength(150);
    const consumer = client.consumer({ groupId: 'reader' });
    await consumer.connect();
    await consumer.subscribe({ topic: 'kept', fromBeginning: true });
    // What was sent again after the kill may stand there twice.
    const kept = new Set<string>();
    await consumer.run({ eachMessage: async ({ message }) => void kept.add(String(message.value)) });
    await expect.poll(() => [...kept], { timeout: 60_000 }).toEqual(sent);
    await Promise.all([admin, producer, consumer].map((part) => part.disconnect()));
  }, 180_000);

  test('a frozen broker answers no client until it continues', async () => {
    const [broker] = kafka.brokers;
    const settings = { requestTimeout: 1_000, retry: { retries: 0 } };
    const list = async () => {
      const admin = kafkaClient(broker?.address ?? '', settings).admin();
      try {
        await admin.connect();
        return await admin.listTopics();
      } finally {
        await admin.disconnect();
      }
    };
    broker?.freeze();
    await expect(list()).rejects.toThrow('timed out');
    broker?.thaw();
    await expect.poll(list).toContain('kept');
  });
});
