import { describe, expect, it, vi } from 'vitest';
import {
  keptLog,
  manualClock,
  publish,
  type Reaction,
  startBroker,
  startSubscriber,
  temporaryFile,
  triggerOf,
} from './broker-testing.ts';
import type { Clock } from './clock.ts';
import type { Event } from './cloud-event.ts';
import { MAX_IN_FLIGHT } from './dispatcher.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('retries', () => {
  it.each([
    ['linear', [1_000, 2_000, 3_000, 4_000]],
    ['exponential', [2_000, 4_000, 8_000, 16_000]],
  ] as const)('wait %s as Knative does, then the event is a dead letter', async (backoffPolicy, waits) => {
    const { send, received } = await startSubscriber(() => ({
      status: 503,
      body: `down ${received.length}`,
    }));
    const clock = manualClock();
    const triggers = [triggerOf('task', { delivery: { retry: 4, backoffPolicy } })];
    const broker = await startBroker({ send, clock, triggers });
    await publish(broker.url);
    for (const wait of waits) {
      await vi.waitFor(() => expect(clock.next()).toBe(wait));
      clock.advance(wait);
    }
    await vi.waitFor(() => expect(broker.deadLetters()).toHaveLength(1));
    expect(received).toHaveLength(5);
    expect(broker.deadLetters()[0]?.attributes).toMatchObject({
      knativeerrorcode: '503',
      knativeerrordata: base64('down 5'),
    });
  });

  it('follow a broken connection, and the dead letter has no code', async () => {
    const { send, received } = await startSubscriber(() => 'reset');
    const clock = manualClock();
    const broker = await startBroker({ send, clock });
    await publish(broker.url);
    await vi.waitFor(() => expect(clock.next()).toBe(1_000));
    clock.advance(1_000);
    await vi.waitFor(() => expect(broker.deadLetters()).toHaveLength(1));
    expect(received).toHaveLength(2);
    const attributes = broker.deadLetters()[0]?.attributes;
    expect(attributes?.['knativeerrordest']).toBe('http://task/');
    expect(attributes).not.toHaveProperty('knativeerrorcode');
  });

  it('follow a task that does not answer in time', async () => {
    const { send, received } = await startSubscriber(() => new Promise(() => {}));
    const clock = manualClock();
    const triggers = [triggerOf('task', { delivery: { timeoutMs: 5_000 } })];
    const broker = await startBroker({ send, clock, triggers });
    await publish(broker.url);
    await vi.waitFor(() => expect(received).toHaveLength(1));
    expect(clock.next()).toBe(5_000);
    clock.advance(5_000);
    await vi.waitFor(() => expect(clock.next()).toBe(1_000));
    clock.advance(1_000);
    await vi.waitFor(() => expect(received).toHaveLength(2));
  });

  it('come although their timer rings a little early and time goes on meanwhile', async () => {
    const { send, received } = await startSubscriber(() => ({ status: received.length < 3 ? 503 : 204 }));
    let time = Date.UTC(2026, 0, 1);
    let timer: { at: number; run: () => void } | undefined;
    const clock: Clock = {
      now: () => (time += 1),
      after(ms, run) {
        const own = { at: time + ms, run };
        // Those of a minute are the deliveries' time-outs.
        if (ms < 60_000) timer = own;
        return () => void (timer = timer === own ? undefined : timer);
      },
    };
    const triggers = [triggerOf('task', { delivery: { retry: 5 } })];
    const broker = await startBroker({ send, clock, triggers });
    await publish(broker.url);
    let rung = 0;
    await vi.waitFor(() => {
      if (timer) {
        const { at, run } = timer;
        timer = undefined;
        time = rung % 2 === 0 ? at - 2 : at;
        rung += 1;
        run();
      }
      expect(received).toHaveLength(3);
    });
  });

  it('follow a sender that overlooks its signal', async () => {
    const clock = manualClock();
    const send = vi.fn<() => Promise<never>>(() => new Promise(() => {}));
    const broker = await startBroker({ send, clock });
    await publish(broker.url);
    await vi.waitFor(() => expect(send).toHaveBeenCalledTimes(1));
    clock.advance(60_000);
    await vi.waitFor(() => expect(clock.next()).toBe(1_000));
  });

  it('do not happen where the Trigger asks for none', async () => {
    const { send, received } = await startSubscriber(() => ({ status: 500 }));
    const broker = await startBroker({ send, triggers: [triggerOf('task', { delivery: { retry: 0 } })] });
    await publish(broker.url);
    await vi.waitFor(() => expect(broker.deadLetters()).toHaveLength(1));
    expect(received).toHaveLength(1);
  });

  it('go on after a restart where they stopped', async () => {
    const file = temporaryFile();
    const clock = manualClock();
    const { send, received } = await startSubscriber(() => ({ status: 503 }));
    const triggers = [triggerOf('task', { delivery: { retry: 3 } })];
    const first = await startBroker({ file, send, clock, triggers });
    await publish(first.url);
    await vi.waitFor(() => expect(clock.next()).toBe(1_000));
    clock.advance(1_000);
    await vi.waitFor(() => expect(clock.next()).toBe(2_000));
    await first.close();
    await startBroker({ file, send, clock, triggers });
    await vi.waitFor(() => expect(clock.next()).toBe(2_000));
    clock.advance(2_000);
    await vi.waitFor(() => expect(clock.next()).toBe(3_000));
    expect(received).toHaveLength(3);
  });
});

it('drops an event with an error in the log when there is no dead-letter sink', async () => {
  const log = keptLog();
  const { send } = await startSubscriber(() => ({ status: 400 }));
  const triggers = [triggerOf('task', { delivery: { deadLetterTopic: undefined } })];
  const broker = await startBroker({ send, log, triggers });
  await publish(broker.url, { id: 'lost-one' });
  await vi.waitFor(() => expect(log.lines.map(({ level }) => level)).toContain('error'));
  expect(log.lines.find(({ level }) => level === 'error')?.fields).toMatchObject({
    id: 'lost-one',
    code: 400,
  });
  await vi.waitFor(() => expect(broker.pending()[0]).toMatchObject({ waiting: 0, inFlight: 0 }));
  expect(broker.deadLetters()).toEqual([]);
});

it('gives an event up only when the dead-letter sink took it, and tries both again until then', async () => {
  const clock = manualClock();
  const { send, received } = await startSubscriber(() => ({ status: 400, body: 'no' }));
  const letters: [string, Event][] = [];
  let full = true;
  const deadLetterSink = async (...letter: [string, Event]) => {
    if (full) throw new Error('no broker is there');
    letters.push(letter);
  };
  const broker = await startBroker({ send, clock, deadLetterSink });
  await publish(broker.url, { id: 'kept' });
  await vi.waitFor(() => expect(clock.next()).toBe(10_000));
  expect(broker.deadLetters()).toEqual([]);
  expect(broker.pending()[0]).toMatchObject({ waiting: 1 });
  full = false;
  clock.advance(10_000);
  await vi.waitFor(() => expect(broker.deadLetters()).toHaveLength(1));
  expect(received).toHaveLength(2);
  expect(letters).toMatchObject([['dead', { attributes: { id: 'kept', knativeerrorcode: '400' } }]]);
});

it('keeps 1024 bytes of a long error text', async () => {
  const { send } = await startSubscriber(() => ({ status: 400, body: 'x'.repeat(5_000) }));
  const broker = await startBroker({ send });
  await publish(broker.url);
  await vi.waitFor(() => expect(broker.deadLetters()).toHaveLength(1));
  expect(broker.deadLetters()[0]?.attributes['knativeerrordata']).toBe(base64('x'.repeat(1_024)));
});

it('has fifty events in flight and no more, and takes the next when one is done', async () => {
  const answers: ((reaction: Reaction) => void)[] = [];
  const { send, received } = await startSubscriber(
    () => new Promise((resolve) => void answers.push(resolve)),
  );
  const broker = await startBroker({ send });
  await Promise.all(Array.from({ length: 120 }, (_, n) => publish(broker.url, { id: String(n) })));
  await vi.waitFor(() => expect(received).toHaveLength(MAX_IN_FLIGHT));
  expect(broker.pending()).toEqual([{ trigger: 'task', waiting: 70, inFlight: 50 }]);
  answers.shift()?.({ status: 204 });
  await vi.waitFor(() => expect(received).toHaveLength(MAX_IN_FLIGHT + 1));
  expect(broker.pending()).toEqual([{ trigger: 'task', waiting: 69, inFlight: 50 }]);
});

it('is not stopped by sixty events that fail on every retry', async () => {
  const { send, received } = await startSubscriber(({ headers }) => ({
    status: headers['ce-id'] === 'good' ? 204 : 503,
  }));
  const clock = manualClock();
  const broker = await startBroker({
    send,
    clock,
    triggers: [triggerOf('task', { delivery: { retry: 500 } })],
  });
  await Promise.all(Array.from({ length: 60 }, (_, n) => publish(broker.url, { id: `bad-${n}` })));
  await vi.waitFor(() => expect(broker.pending()).toEqual([{ trigger: 'task', waiting: 60, inFlight: 0 }]));
  await publish(broker.url, { id: 'good' });
  await vi.waitFor(() => expect(received.map(({ headers }) => headers['ce-id'])).toContain('good'));
  expect(broker.deadLetters()).toEqual([]);
});

it('gives each Trigger its own copy: one that fails does not disturb another', async () => {
  const clock = manualClock();
  const seen: string[] = [];
  const broker = await startBroker({
    clock,
    triggers: [triggerOf('broken'), triggerOf('sound')],
    send: async (to) => {
      const name = 'service' in to ? to.service : to.uri;
      seen.push(name);
      return { status: name === 'broken' ? 500 : 204, headers: {}, body: Buffer.alloc(0) };
    },
  });
  await publish(broker.url);
  await vi.waitFor(() => expect(broker.pending()[1]).toMatchObject({ waiting: 0, inFlight: 0 }));
  await vi.waitFor(() => expect(clock.next()).toBe(1_000));
  clock.advance(1_000);
  await vi.waitFor(() => expect(broker.deadLetters()).toHaveLength(1));
  expect(seen.toSorted()).toEqual(['broken', 'broken', 'sound']);
});

it('delivers again at the next start what close() broke off', async () => {
  const file = temporaryFile();
  const aborted = vi.fn<() => void>();
  const hanging = await startBroker({
    file,
    send: (_, __, signal) =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          aborted();
          reject(signal.reason);
        });
      }),
  });
  await publish(hanging.url, { id: 'again' });
  await vi.waitFor(() => expect(hanging.pending()[0]?.inFlight).toBe(1));
  await hanging.close();
  expect(aborted).toHaveBeenCalledTimes(1);
  const { send, received } = await startSubscriber(() => ({ status: 204 }));
  await startBroker({ file, send });
  await vi.waitFor(() => expect(received.map(({ headers }) => headers['ce-id'])).toEqual(['again']));
});
