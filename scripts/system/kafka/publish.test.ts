import { Kafka as KafkaBinding } from 'cloudevents';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { startSecureKafka, type SecureKafka } from '../../testing/secure-kafka.ts';
import { describeKafka, kafkaStartMs, kafkaTool, startTestKafka } from '../../testing/kafka.ts';
import { kafkaClient } from '../../runner/kafka/client.ts';
import type { KafkaServer } from '../../runner/kafka/server/server.ts';
import { readTopic } from '../../runner/kafka/testing.ts';
import { createTopics } from '../../runner/kafka/topics.ts';
import { demoForm } from '../../../functions/forms/demo-form/demo-form.ts';
import { bodyOf, formEnv, postJson } from '../../../functions/testing/sink.ts';
import { serve } from '../../../functions/lib/serve/serve.ts';

const submission = { name: 'Zoë', message: 'Grüße, 你好' };
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

/** A form of the running test's own that publishes to a topic of a Kafka. */
async function startForm(env: Record<string, string>) {
  const form = await serve(demoForm, { env: formEnv({ url: '' }, env) });
  onTestFinished(form.close);
  return form;
}

async function makeTopic(brokers: string, topic: string, numPartitions = 3) {
  const admin = kafkaClient(brokers).admin();
  await admin.connect();
  await createTopics(admin, [{ topic, numPartitions }]);
  await admin.disconnect();
}

describeKafka('a form that publishes to Kafka', () => {
  let kafka: KafkaServer;
  beforeAll(async () => void (kafka = await startTestKafka()), kafkaStartMs);
  afterAll(() => kafka?.close(), kafkaStartMs);

  it("writes what Knative's data plane reads: the CloudEvents SDK and Kafka's own consumer find the same event", async () => {
    await makeTopic(kafka.url, 'readable');
    const form = await startForm({ KAFKA_BROKERS: kafka.url, KAFKA_TOPIC: 'readable' });
    const answer = await postJson(form.url, submission, { traceparent });
    expect(answer.status).toBe(202);
    const { id, receivedAt } = await bodyOf(answer);
    const attributes = {
      specversion: '1.0',
      id,
      type: 'form.submitted',
      source: '/forms/demo-form',
      time: receivedAt,
      dataschema: expect.stringMatching(/^urn:formbus:form:demo-form:/),
      form: 'demo-form',
      sheet: 'spreadsheet-1/demo-form',
      partitionkey: id,
      traceparent,
    };

    const records = await readTopic(kafka.url, 'readable');
    await expect.poll(() => records.length).toBe(1);
    const [record] = records;
    const headers = Object.fromEntries(
      Object.entries(record?.headers ?? {}).map(([name, value]) => [name, String(value)]),
    );
    const value: unknown = JSON.parse(String(record?.value));
    const message = { headers, key: String(record?.key), value, body: value };
    const event = KafkaBinding.toEvent(message);
    expect(event).toEqual(
      expect.objectContaining({ ...attributes, datacontenttype: 'application/json', data: submission }),
    );

    const printed = await kafkaTool(
      'org.apache.kafka.tools.consumer.ConsoleConsumer',
      `--bootstrap-server ${kafka.url} --topic readable --from-beginning --max-messages 1
       --formatter-property print.headers=true --formatter-property print.key=true`,
    );
    const [shownHeaders = '', key, shownValue = ''] = printed.trim().split('\t');
    const named = shownHeaders.split(',').map((header): [string, string] => {
      const colon = header.indexOf(':');
      return [header.slice(0, colon), header.slice(colon + 1)];
    });
    const prefixed = Object.entries(attributes).map(([name, text]) => [`ce_${name}`, text]);
    expect(Object.fromEntries(named)).toEqual({
      ...Object.fromEntries(prefixed),
      'content-type': 'application/json',
    });
    expect(key).toBe(id);
    expect(JSON.parse(shownValue)).toEqual(submission);
  });

  it('publishes a thousand that come at once, each once and to all partitions', async () => {
    await makeTopic(kafka.url, 'crowd');
    const form = await startForm({ KAFKA_BROKERS: kafka.url, KAFKA_TOPIC: 'crowd' });
    const ids = await Promise.all(
      Array.from({ length: 1_000 }, async () => (await bodyOf(await postJson(form.url, submission)))['id']),
    );
    const records = await readTopic(kafka.url, 'crowd');
    await expect.poll(() => records.length).toBe(1_000);
    expect(new Set(records.map(({ key }) => String(key)))).toEqual(new Set(ids));
    expect(new Set(records.map(({ partition }) => partition))).toEqual(new Set([0, 1, 2]));
  });

  it('answers 503 while there is no topic, and 202 once there is one', async () => {
    const form = await startForm({ KAFKA_BROKERS: kafka.url, KAFKA_TOPIC: 'later' });
    const refused = await postJson(form.url, submission);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2']);
    await makeTopic(kafka.url, 'later');
    await expect.poll(async () => (await postJson(form.url, submission)).status).toBe(202);
  });

  it('answers what is in flight, once Kafka has acknowledged it, before it closes', async () => {
    await makeTopic(kafka.url, 'closing');
    const form = await serve(demoForm, {
      env: formEnv({ url: '' }, { KAFKA_BROKERS: kafka.url, KAFKA_TOPIC: 'closing' }),
    });
    expect((await postJson(form.url, submission)).status).toBe(202);
    kafka.brokers[0]?.freeze();
    let arrived = 0;
    const count = () => void (arrived += 1);
    subscribe('http.server.request.start', count);
    onTestFinished(() => void unsubscribe('http.server.request.start', count));
    let settled = 0;
    const settle = () => void (settled += 1);
    const answers = Array.from({ length: 20 }, () => postJson(form.url, submission).finally(settle));
    await expect.poll(() => arrived).toBe(20);
    const closed = form.close().finally(settle);
    await expect(fetch(form.url)).rejects.toThrow('fetch failed');
    expect(settled).toBe(0);
    kafka.brokers[0]?.thaw();
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual(Array(20).fill(202));
    await closed;
  });
});

describeKafka('a Kafka that asks for TLS and a password', () => {
  let kafka: SecureKafka;

  beforeAll(async () => {
    kafka = await startSecureKafka();
    await makeTopic(kafka.url, 'form-submissions');
  }, kafkaStartMs);
  afterAll(() => kafka?.close(), kafkaStartMs);

  it.each(['plain', 'scram-sha-512'])('gets the events, by %s', async (mechanism) => {
    const form = await startForm({ ...kafka.env, KAFKA_SASL_MECHANISM: mechanism });
    expect((await postJson(form.url, submission)).status).toBe(202);
  });

  it('gets none with a wrong password, by plain text, or when its certificate is not known', async () => {
    const wrong = [{ KAFKA_PASSWORD: 'another' }, { KAFKA_TLS: 'false' }, { KAFKA_CA_FILE: '' }];
    const forms = await Promise.all(wrong.map((env) => startForm({ ...kafka.env, ...env })));
    const answers = await Promise.all(forms.map(({ url }) => postJson(url, submission)));
    expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
  });
});
