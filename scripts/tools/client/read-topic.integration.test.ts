import { beforeAll, expect, it } from 'vitest';
import { kafkaClient } from '../../runner/kafka/client.ts';
import type { ConsumedRecord } from '../../events/kafka-record.ts';
import { makeTopic } from '../../runner/kafka/testing.ts';
import { readTopic } from './read-topic.ts';
import { describeKafka, kafkaStartMs, sharedKafka } from '../../testing/kafka.ts';

describeKafka('a topic', () => {
  let kafka: { url: string };
  beforeAll(async () => void (kafka = await sharedKafka()), kafkaStartMs);

  const read = async (topic: string, from: { since?: number; after?: Record<string, string> } = {}) => {
    const records: ConsumedRecord[] = [];
    for await (const record of readTopic({ client: kafkaClient(kafka.url), topic, ...from }))
      records.push(record);
    return records;
  };
  const values = (records: ConsumedRecord[]) => records.map(({ value }) => Number(value));

  it('is read over all partitions, the oldest record first, up to its end at that moment', async () => {
    const { topic, produce } = await makeTopic(kafka.url, { partitions: 3 });
    // More than fit in memory, most of them in one partition.
    const partitionOf = (n: number) => (n % 10 < 8 ? 0 : n % 2 === 0 ? 1 : 2);
    const all = Array.from({ length: 8_000 }, (_, n) => n);
    for (let first = 0; first < all.length; first += 500) {
      const some = all.slice(first, first + 500);
      await produce(
        some.map((n) => ({ value: String(n), partition: partitionOf(n), timestamp: String(1_000_000 + n) })),
      );
    }
    const reading = readTopic({ client: kafkaClient(kafka.url), topic });
    const found = [(await reading.next()).value?.value];
    await produce([{ value: '9999' }]);
    for await (const { value } of reading) found.push(value);
    expect(found.map(Number)).toEqual(all);
  });

  it('is read from a time on, or from an offset on', async () => {
    const { topic, produce } = await makeTopic(kafka.url, { partitions: 2 });
    const messages = Array.from({ length: 10 }, (_, n) => ({
      value: String(n),
      partition: n % 2,
      timestamp: String(1_000_000 + n * 1_000),
    }));
    await produce(messages);
    expect(values(await read(topic, { since: 1_006_000 }))).toEqual([6, 7, 8, 9]);
    expect(values(await read(topic, { after: { 0: '4', 1: '5' } }))).toEqual([8]);
    expect(await read(topic, { since: 2_000_000 })).toEqual([]);
  });

  it('yields nothing when it is empty, and is named when it does not exist', async () => {
    const { topic } = await makeTopic(kafka.url);
    expect(await read(topic)).toEqual([]);
    await expect(read('nothing')).rejects.toThrow('Kafka has no topic nothing; there are');
  });
});
