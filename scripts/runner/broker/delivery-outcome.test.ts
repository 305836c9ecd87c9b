import { describe, expect, it, vi } from 'vitest';
import {
  manualClock,
  publish,
  type Reaction,
  startBroker,
  startSubscriber,
  triggerOf,
} from './broker-testing.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('the answer of a task', () => {
  it('is tried again, the same, when it is 503', async () => {
    const reactions = [{ status: 503, body: 'not now' }, { status: 204 }];
    const { send, received } = await startSubscriber(() => reactions.shift() ?? { status: 400 });
    const clock = manualClock();
    const broker = await startBroker({ send, clock });
    await publish(broker.url);
    await vi.waitFor(() => expect(clock.next()).toBe(1_000));
    expect(received).toHaveLength(1);
    clock.advance(1_000);
    await vi.waitFor(() => expect(broker.pending()).toEqual([{ trigger: 'task', waiting: 0, inFlight: 0 }]));
    expect(received).toHaveLength(2);
    expect(received[1]).toMatchObject({ body: received[0]?.body, headers: { 'ce-id': '1' } });
    expect(broker.deadLetters()).toEqual([]);
  });

  it('makes a dead letter at once when it is 400', async () => {
    const { send, received } = await startSubscriber(() => ({ status: 400, body: 'not valid' }));
    const broker = await startBroker({ send });
    await publish(broker.url, { form: 'demo' }, '{"name":"Asha"}');
    await vi.waitFor(() => expect(broker.deadLetters()).toHaveLength(1));
    expect(received).toHaveLength(1);
    expect(broker.pending()).toEqual([{ trigger: 'task', waiting: 0, inFlight: 0 }]);
    expect(broker.deadLetters()[0]).toMatchObject({
      topic: 'dead',
      trigger: 'task',
      attributes: {
        id: '1',
        form: 'demo',
        knativeerrordest: 'http://task/',
        knativeerrorcode: '400',
        knativeerrordata: base64('not valid'),
      },
      data: '{"name":"Asha"}',
    });
  });

  it.each<[string, Reaction]>([
    [
      'binary',
      {
        status: 200,
        headers: {
          'ce-specversion': '1.0',
          'ce-id': '2',
          'ce-source': '/task',
          'ce-type': 'analyzed',
          'content-type': 'application/json',
        },
        body: '{"flagged":true}',
      },
    ],
    [
      'structured',
      {
        status: 200,
        headers: { 'content-type': 'application/cloudevents+json; charset=utf-8' },
        body: '{"specversion":"1.0","id":"2","source":"/task","type":"analyzed","data":{"flagged":true}}',
      },
    ],
  ])('is published as a new event when it holds a %s one', async (_, reply) => {
    const { send, received } = await startSubscriber(({ headers }) =>
      headers['ce-type'] === 't' ? reply : { status: 204 },
    );
    const of = (type: string) => ({ filter: { kind: 'exact', attribute: 'type', value: type } }) as const;
    const broker = await startBroker({
      send,
      triggers: [triggerOf('task', of('t')), triggerOf('next', of('analyzed'))],
    });
    await publish(broker.url);
    await vi.waitFor(() => expect(received).toHaveLength(2));
    expect(received[1]).toMatchObject({
      headers: {
        'ce-id': '2',
        'ce-type': 'analyzed',
        'ce-source': '/task',
        'content-type': 'application/json',
      },
      body: '{"flagged":true}',
    });
    await vi.waitFor(() =>
      expect(broker.pending().map(({ waiting, inFlight }) => waiting + inFlight)).toEqual([0, 0]),
    );
  });

  it('is published as a new event when it is one without data', async () => {
    const headers = { 'ce-specversion': '1.0', 'ce-id': '2', 'ce-source': '/task', 'ce-type': 'seen' };
    const { send, received } = await startSubscriber((one) =>
      one.headers['ce-type'] === 't' ? { status: 200, headers } : { status: 204 },
    );
    const broker = await startBroker({ send });
    await publish(broker.url);
    await vi.waitFor(() => expect(received.map((one) => one.headers['ce-type'])).toEqual(['t', 'seen']));
  });
});
