import { expect, it, onTestFinished } from 'vitest';
import { startBroker, startSubscriber, triggerOf } from './broker-testing.ts';
import type { CloudEvent } from '../../events/cloud-event.ts';
import { openDeadLetterSink } from './dead-letter-sink.ts';

const sink = {
  name: 'dead-letters',
  file: 'x.yaml',
  topic: 'form-dead-letters',
  contentMode: 'binary',
} as const;
const letter = {
  'content-type': 'application/json',
  'ce-specversion': '1.0',
  'ce-id': '1',
  'ce-type': 'form.submitted',
  'ce-source': '/forms/demo-form',
  'ce-knativeerrordest': 'http://mail.default.svc.cluster.local',
  'ce-knativeerrorcode': '503',
  'ce-knativeerrordata': Buffer.from('mailbox full').toString('base64'),
};

async function open() {
  const { received, send } = await startSubscriber(() => ({ status: 204 }));
  const triggers = ['other', 'mail'].map((name) => triggerOf(name));
  const broker = await startBroker({ triggers, send });
  const inKafka: [string, CloudEvent][] = [];
  let isAway = false;
  const ingress = await openDeadLetterSink({
    sink,
    broker,
    async deadLetterSink(name, event) {
      if (isAway) throw new Error('no Kafka');
      inKafka.push([name, event]);
    },
    log: { info() {}, warn() {}, error() {} },
  });
  onTestFinished(ingress.close);
  const post = async (headers: Record<string, string> = letter) =>
    (await fetch(ingress.url, { method: 'POST', headers, body: '{"a":1.0}' })).status;
  return { broker, received, inKafka, post, away: (away: boolean) => (isAway = away) };
}

it('keeps a letter like those of the Trigger that brought the task its event, in Kafka too, and redrives it to that one only', async () => {
  const { broker, received, inKafka, post } = await open();
  expect(await post()).toBe(202);
  expect(inKafka).toMatchObject([['dead-letters', { attributes: { id: '1', knativeerrorcode: '503' } }]]);
  const [kept] = broker.deadLetters();
  expect(kept).toMatchObject({
    topic: 'form-dead-letters',
    trigger: 'mail',
    data: '{"a":1.0}',
    attributes: { id: '1', knativeerrordest: letter['ce-knativeerrordest'] },
  });
  expect(await broker.redrive([kept?.id ?? 0])).toBe(1);
  await expect.poll(() => received).toHaveLength(1);
  expect(received[0]).toMatchObject({ body: '{"a":1.0}', headers: { 'ce-id': '1', 'ce-redriven': '1' } });
  expect(received[0]?.headers).not.toHaveProperty('ce-knativeerrordest');
});

it('refuses a letter that Kafka does not take, and keeps nothing of it', async () => {
  const { broker, post, away } = await open();
  away(true);
  expect(await post()).toBe(503);
  expect(broker.deadLetters()).toEqual([]);
  away(false);
  expect(await post()).toBe(202);
});

it('keeps one of a task that no Trigger calls any more under the task’s name', async () => {
  const { broker, post } = await open();
  expect(await post({ ...letter, 'ce-knativeerrordest': 'http://gone.default.svc.cluster.local' })).toBe(202);
  expect(broker.deadLetters()).toMatchObject([{ trigger: 'gone' }]);
});
