import type { Admin } from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeKafka, kafkaStartMs, startTestKafka } from '../testing/kafka.ts';
import { kafkaClient } from '../runner/kafka/client.ts';
import { askLeaders } from './leaders.ts';
import type { KafkaServer } from '../runner/kafka/server/server.ts';
import { createTopics } from '../runner/kafka/topics.ts';

// A broker is named as leader some milliseconds before it knows: of topics asked for at once every second one is refused.
const names = (prefix: string) => Array.from({ length: 20 }, (_, n) => `${prefix}-${n}`);
const shape = { numPartitions: 8, replicationFactor: 1 };

describeKafka('leaders', () => {
  let kafka: KafkaServer;
  let admin: Admin;
  beforeAll(async () => {
    kafka = await startTestKafka();
    admin = kafkaClient(kafka.url).admin();
    await admin.connect();
  }, kafkaStartMs);
  afterAll(async () => {
    await admin?.disconnect();
    await kafka?.close();
  }, kafkaStartMs);

  test('answer for a topic as soon as it is said to be made', async () => {
    for (const topic of names('made')) {
      await createTopics(admin, [{ topic, ...shape }]);
      await expect(admin.fetchTopicOffsets(topic), topic).resolves.toHaveLength(8);
    }
  });

  test('are asked again while they do not know that they lead', async () => {
    const client = kafkaClient(kafka.url);
    for (const topic of names('asked')) {
      await admin.createTopics({ topics: [{ topic, ...shape }], waitForLeaders: false });
      const asked = askLeaders(client, (fresh) => fresh.fetchTopicOffsets(topic));
      await expect(asked, topic).resolves.toHaveLength(8);
    }
  });
});
