import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { describeKafka, kafkaStartMs, startTestKafka } from '../../../testing/kafka.ts';
import {
  keptLog,
  manualClock,
  startSubscriber,
  type Reaction,
  type Received,
} from '../../broker/broker-testing.ts';
import { kafkaClient } from '../client.ts';
import type { KafkaServer } from '../server/server.ts';
import { startConsumer } from './source.ts';
import { committed, eventMessage, makeTopic, readTopic, runSource, sourceOf } from '../testing.ts';

/** Generous: the machine may be busy, and nothing here depends on the time. */
const soon = { timeout: 60_000 };
const idsOf = (received: Received[]) => received.map(({ headers }) => String(headers['ce-id']));
const ids = (count: number, from = 0) => Array.from({ length: count }, (_, i) => `e${from + i}`);

/** Answers 202 at once, or when the gate is opened for those that it holds. */
function heldBack(hold: (id: string) => boolean) {
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const react = async ({ headers }: Received): Promise<Reaction> => {
    if (hold(String(headers['ce-id']))) await gate;
    return { status: 202 };
  };
  return { react, open };
}

describeKafka('a KafkaSource on a real Kafka', { timeout: 180_000 }, () => {
  let kafka: KafkaServer;
  beforeAll(async () => void (kafka = await startTestKafka()), kafkaStartMs);
  afterAll(() => kafka?.close(), kafkaStartMs);

  test('delivers every record of all partitions, and commits', async () => {
    const topic = await makeTopic(kafka.url, { partitions: 3 });
    await topic.produce(ids(300).map((id, i) => eventMessage(id, { partition: i % 3 })));
    const { received, send } = await startSubscriber(() => ({ status: 202 }));
    const { idle } = await runSource(topic, send, { consumers: 3 });
    await idle(60_000);
    expect(new Set(idsOf(received))).toEqual(new Set(ids(300)));
    const first = received.find(({ headers }) => headers['ce-id'] === 'e7');
    expect(first).toMatchObject({ headers: { 'content-type': 'application/json' }, body: '{"id":"e7"}' });
    expect(await committed(topic)).toBe(100);
  });

  test('a record that is not a CloudEvent arrives as dev.knative.kafka.event and stops nothing', async () => {
    const topic = await makeTopic(kafka.url);
    const broken = { value: '{', headers: { 'content-type': 'application/cloudevents+json' } };
    await topic.produce([
      { key: 'k', value: 'plain', headers: { 'x-by': 'hand' } },
      broken,
      { value: null },
      eventMessage('e0'),
    ]);
    const { received, send } = await startSubscriber(() => ({ status: 202 }));
    const { idle } = await runSource(topic, send);
    await idle(60_000);
    const byId = new Map(received.map((one) => [String(one.headers['ce-id']), one]));
    expect([...byId.keys()].toSorted()).toEqual([
      'e0',
      'partition:0/offset:0',
      'partition:0/offset:1',
      'partition:0/offset:2',
    ]);
    expect(byId.get('partition:0/offset:0')).toMatchObject({
      headers: {
        'ce-type': 'dev.knative.kafka.event',
        'ce-source': `/apis/v1/namespaces/formbus/kafkasources/orders#${topic.topic}`,
        'ce-subject': 'partition:0#0',
        'ce-key': 'k',
        'ce-kafkaheaderxby': 'hand',
      },
      body: 'plain',
    });
    expect(await committed(topic)).toBe(4);
  });

  test('what was under way when a consumer ended is delivered again to the next, what was committed is not', async () => {
    const topic = await makeTopic(kafka.url);
    await topic.produce(ids(20).map((id) => eventMessage(id)));
    const { react, open } = heldBack((id) => id === 'e10');
    const first = await startSubscriber(react);
    const before = await runSource(topic, first.send);
    await expect.poll(() => committed(topic), soon).toBe(10);
    await expect.poll(() => first.received.length, soon).toBe(20);
    await before.close();
    open();

    const second = await startSubscriber(() => ({ status: 202 }));
    const { idle } = await runSource(topic, second.send);
    await idle(60_000);
    // e11 to e19 were delivered already, but Kafka knows only how far, not which.
    expect(new Set(idsOf(second.received))).toEqual(new Set(ids(10, 10)));
  });

  test('commits every five seconds, and what is left when it is closed', async () => {
    const topic = await makeTopic(kafka.url);
    await topic.produce([eventMessage('e0'), eventMessage('e1')]);
    const { received, send } = await startSubscriber(() => ({ status: 202 }));
    const clock = manualClock();
    const consumer = startConsumer({
      source: sourceOf(topic),
      to: { uri: 'http://bus.local/' },
      client: kafkaClient(kafka.url),
      send,
      deadLetterSink: () => Promise.reject(new Error('there is none')),
      keepLetter: () => Promise.reject(new Error('there is none')),
      log: keptLog(),
      clock,
    });
    onTestFinished(consumer.close);
    await expect.poll(() => received.length, soon).toBe(2);
    await expect.poll(clock.next, soon).toBe(5_000);
    expect(await committed(topic)).toBe(-1);
    clock.advance(5_000);
    await expect.poll(() => committed(topic), soon).toBe(2);
    await topic.produce([eventMessage('e2')]);
    await expect.poll(() => received.length, soon).toBe(3);
    await expect.poll(clock.next, soon).toBe(5_000);
    await consumer.close();
    expect(await committed(topic)).toBe(3);
  });

  test('fifty that are retried hold all places: what comes after them waits, and the log says so', async () => {
    const topic = await makeTopic(kafka.url);
    await topic.produce([...ids(50).map((id) => eventMessage(id)), eventMessage('good')]);
    let repaired = false;
    const { received, send } = await startSubscriber(() => ({ status: repaired ? 202 : 503 }));
    const { idle, log } = await runSource(topic, send, { delivery: { retry: 10_000 } });
    const told = () => log.lines.flatMap(({ level, message }) => (level === 'error' ? [message] : []));
    const stands = expect.stringContaining('KafkaSource orders stands still: 50 events are being retried');
    await expect.poll(told, soon).toEqual([stands]);
    await expect.poll(() => received.length, soon).toBeGreaterThan(200);
    expect(told()).toHaveLength(1);
    expect(idsOf(received)).not.toContain('good');
    repaired = true;
    await idle(60_000);
    expect(idsOf(received)).toContain('good');
  });

  test('what is refused for its headers is not retried, and its dead letter is kept, named and committed', async () => {
    const topic = await makeTopic(kafka.url);
    const { headers, ...long } = eventMessage('long');
    await topic.produce([{ ...long, headers: { ...headers, ce_words: 'x'.repeat(8_192) } }]);
    const { received, send } = await startSubscriber(() => ({ status: 431 }));
    const { idle, log, kept } = await runSource(topic, send);
    await idle(60_000);
    expect([received.length, await committed(topic)]).toEqual([1, 1]);
    expect(kept.map(({ attributes }) => attributes['knativeerrorcode'])).toEqual(['431']);
    expect(log.lines.filter(({ level }) => level === 'error')).toMatchObject([
      { message: expect.stringContaining('on a cluster this event is lost'), fields: { id: 'long' } },
    ]);
  });

  test('in order, one that is retried holds up its partition and no other', async () => {
    const topic = await makeTopic(kafka.url, { partitions: 2 });
    await topic.produce([
      ...ids(3).map((id) => eventMessage(id)),
      ...ids(3, 10).map((id) => eventMessage(id, { partition: 1 })),
    ]);
    let repaired = false;
    const { received, send } = await startSubscriber(({ headers }) => ({
      status: headers['ce-id'] === 'e0' && !repaired ? 503 : 202,
    }));
    const { idle } = await runSource(topic, send, { ordering: 'ordered', delivery: { retry: 10_000 } });
    await expect.poll(() => idsOf(received), soon).toContain('e12');
    expect(idsOf(received)).not.toContain('e1');
    repaired = true;
    await idle(60_000);
    const inPartition0 = idsOf(received).filter((id) => ['e0', 'e1', 'e2'].includes(id));
    expect(inPartition0.slice(-3)).toEqual(['e0', 'e1', 'e2']);
  });

  test('unordered, sixty that fail permanently stall nothing and are dead letters with the reason', async () => {
    const topic = await makeTopic(kafka.url);
    await topic.produce([...ids(60).map((id) => eventMessage(id)), eventMessage('good')]);
    const { received, send } = await startSubscriber(({ headers }) =>
      headers['ce-id'] === 'good' ? { status: 202 } : { status: 400, body: 'cannot be' },
    );
    const { idle } = await runSource(topic, send);
    const letters = await readTopic(kafka.url, topic.deadLetters);
    await idle(60_000);
    await expect.poll(() => letters.length, soon).toBe(60);
    expect(idsOf(received)).toContain('good');
    const [letter] = letters;
    const headers = Object.entries(letter?.headers ?? {}).map(([name, value]) => [name, String(value)]);
    expect(Object.fromEntries(headers)).toEqual({
      ce_specversion: '1.0',
      ce_id: expect.stringMatching(/^e\d+$/),
      ce_source: '/s',
      ce_type: 't',
      ce_knativekafkapartition: '0',
      ce_knativekafkaoffset: expect.stringMatching(/^\d+$/),
      ce_knativeerrordest: 'http://bus.local/',
      ce_knativeerrorcode: '400',
      ce_knativeerrordata: Buffer.from('cannot be').toString('base64'),
      'content-type': 'application/json',
    });
    expect(String(letter?.value)).toMatch(/^\{"id":"e\d+"\}$/);
  });

  test('retries as often as its delivery says before it is a dead letter', async () => {
    const topic = await makeTopic(kafka.url);
    await topic.produce([eventMessage('e0')]);
    const { received, send } = await startSubscriber(() => ({ status: 503 }));
    const { idle, log } = await runSource(topic, send, { delivery: { retry: 3 } });
    await idle(60_000);
    expect(received).toHaveLength(4);
    const waits = log.lines.flatMap(({ fields }) => ('waitMs' in fields ? [fields.waitMs] : []));
    expect(waits).toEqual([10, 20, 30]);
    const letters = await readTopic(kafka.url, topic.deadLetters);
    await expect.poll(() => letters.length, soon).toBe(1);
  });

  test('a sink that does not answer in time is tried again', async () => {
    const topic = await makeTopic(kafka.url);
    await topic.produce([eventMessage('e0')]);
    const { react, open } = heldBack(() => true);
    const { received, send } = await startSubscriber(react);
    await runSource(topic, send, { delivery: { retry: 1_000, timeoutMs: 50 } });
    await expect.poll(() => received.length, soon).toBeGreaterThan(1);
    expect(await committed(topic)).toBe(-1);
    open();
    await expect.poll(() => committed(topic), soon).toBe(1);
  });

  test('while the dead-letter sink fails nothing is committed and nothing is lost', async () => {
    const topic = await makeTopic(kafka.url);
    await topic.produce([eventMessage('e0'), eventMessage('e1')]);
    const { send } = await startSubscriber(({ headers }) => ({
      status: headers['ce-id'] === 'e0' ? 400 : 202,
    }));
    const first = await runSource(topic, send, { delivery: { deadLetterSink: 'missing' } });
    const failures = () =>
      first.log.lines.filter(({ message }) => message.startsWith('the dead-letter sink failed'));
    await expect.poll(() => failures().length, soon).toBeGreaterThan(1);
    expect(await committed(topic)).toBeLessThanOrEqual(0);
    await first.close();

    const { idle } = await runSource(topic, send);
    await idle(60_000);
    const letters = await readTopic(kafka.url, topic.deadLetters);
    await expect.poll(() => letters.length, soon).toBe(1);
  });

  test.each(['earliest', 'latest'] as const)('a new group begins at the %s record', async (initialOffset) => {
    const topic = await makeTopic(kafka.url);
    await topic.produce([eventMessage('old')]);
    const { received, send } = await startSubscriber(() => ({ status: 202 }));
    await runSource(topic, send, { initialOffset });
    // Until the new group has its place a record may come before it.
    let sent = 0;
    await expect
      .poll(async () => {
        await topic.produce([eventMessage(`new${(sent += 1)}`)]);
        return idsOf(received).filter((id) => id.startsWith('new')).length;
      }, soon)
      .toBeGreaterThan(0);
    expect(idsOf(received).includes('old')).toBe(initialOffset === 'earliest');
  });

  test('a broker killed and restarted on its own log loses nothing, and the source goes on by itself', async () => {
    const topic = await makeTopic(kafka.url);
    await topic.produce(ids(100).map((id) => eventMessage(id)));
    const { react, open } = heldBack((id) => id === 'e50');
    const { received, send } = await startSubscriber(react);
    const { idle } = await runSource(topic, send);
    await expect.poll(() => idsOf(received), soon).toContain('e50');
    const [broker] = kafka.brokers;
    await broker?.kill();
    open();
    await broker?.restart();
    await expect
      .poll(() => topic.produce([eventMessage('after')]).then(() => 'sent', String), soon)
      .toBe('sent');
    await idle(120_000);
    expect(new Set(idsOf(received))).toEqual(new Set([...ids(100), 'after']));
  });
});
