import { StatementSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
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
import type { Clock } from '../delivery/clock.ts';
import type { CloudEvent } from '../../events/cloud-event.ts';
import { MAX_POLL_RECORDS } from '../../events/limits.ts';

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

it('gives up an event only when the dead-letter sink took it, and tries both again until then', async () => {
  const clock = manualClock();
  const { send, received } = await startSubscriber(() => ({ status: 400, body: 'no' }));
  const letters: [string, CloudEvent][] = [];
  let full = true;
  const deadLetterSink = async (...letter: [string, CloudEvent]) => {
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

it('polls while fewer than fifty are open, and takes the next when one is done', async () => {
  const answers: ((reaction: Reaction) => void)[] = [];
  const { send, received } = await startSubscriber(
    () => new Promise((resolve) => void answers.push(resolve)),
  );
  const broker = await startBroker({ send });
  // One after the other, so that each poll finds one.
  for (let n = 0; n < 50; n += 1) await publish(broker.url, { id: String(n) });
  await vi.waitFor(() => expect(received).toHaveLength(MAX_POLL_RECORDS));
  for (let n = 50; n < 120; n += 1) await publish(broker.url, { id: String(n) });
  expect(broker.pending()).toEqual([{ trigger: 'task', waiting: 70, inFlight: 50 }]);
  answers.shift()?.({ status: 204 });
  // Now a poll finds fifty at once: with the 49 that are open, no more are there ever.
  await vi.waitFor(() => expect(received).toHaveLength(100));
  expect(broker.pending()).toEqual([{ trigger: 'task', waiting: 20, inFlight: 99 }]);
});

describe('what is new', () => {
  /** A Broker whose task answers when it is told to, with the ids that it got. */
  async function hold() {
    const ids: string[] = [];
    const answers: (() => void)[] = [];
    const broker = await startBroker({
      send: (_, { headers }) => {
        ids.push(headers['ce-id'] ?? '');
        return new Promise((resolve) =>
          answers.push(() => resolve({ status: 204, headers: {}, body: Buffer.alloc(0) })),
        );
      },
    });
    const post = (id: string) => {
      const headers = { 'ce-specversion': '1.0', 'ce-id': id, 'ce-source': '/s', 'ce-type': 't' };
      return broker.post({ headers, body: Buffer.from('{}') });
    };
    const answer = () => answers.splice(0).forEach((one) => one());
    return { broker, ids, post, answer };
  }

  it('is delivered without asking the log for it', async () => {
    const { ids, post, answer } = await hold();
    await post('0');
    await vi.waitFor(() => expect(ids).toHaveLength(1));
    const asked = (['all', 'get'] as const).map((name) => vi.spyOn(StatementSync.prototype, name));
    onTestFinished(() => void vi.restoreAllMocks());
    for (let n = 1; n < 20; n += 1) await post(String(n));
    await vi.waitFor(() => expect(ids).toHaveLength(20));
    answer();
    for (const spy of asked) expect(spy).not.toHaveBeenCalled();
  });

  it.each([60, 400])(
    'and waits for a place comes in the order of the log, each once: %s events',
    async (count) => {
      const { broker, ids, post, answer } = await hold();
      await post('0');
      await vi.waitFor(() => expect(ids).toHaveLength(1));
      for (let n = 1; n < count; n += 1) await post(String(n));
      await vi.waitFor(() => {
        answer();
        expect(broker.pending()).toEqual([{ trigger: 'task', waiting: 0, inFlight: 0 }]);
      });
      expect(ids).toEqual(Array.from({ length: count }, (_, n) => String(n)));
    },
  );

  it('comes in the order of the log, each once, however it came there', async () => {
    const { broker, ids, post, answer } = await hold();
    for (const id of ['old', 'dead']) await post(id);
    await vi.waitFor(() => expect(ids).toHaveLength(2));
    answer();
    await broker.idle(10_000);
    const attributes = { specversion: '1.0', id: 'dead', source: '/s', type: 't' };
    await broker.keepLetter('task', 'dead', { attributes, data: Buffer.alloc(0) });
    ids.length = 0;
    await Promise.all([post('a'), broker.redeliver('task', [1]), post('b'), broker.redrive([1]), post('c')]);
    await vi.waitFor(() => expect(ids).toEqual(['a', 'old', 'b', 'dead', 'c']));
    answer();
    await broker.idle(10_000);
    expect(ids).toHaveLength(5);
  });
});

describe('fifty events that fail on every attempt', () => {
  const task = triggerOf('task', { delivery: { retry: 500, backoffDelayMs: 60_000 } });
  const fail = (id: unknown) => ({ status: String(id).startsWith('bad') ? 503 : 204 });

  async function standStill() {
    const { send, received } = await startSubscriber(({ headers }) => fail(headers['ce-id']));
    const [file, clock, log] = [temporaryFile(), manualClock(), keptLog()];
    const broker = await startBroker({ file, send, clock, log, triggers: [task] });
    for (let n = 0; n < 50; n += 1) await publish(broker.url, { id: `bad-${n}` });
    await vi.waitFor(() => expect(broker.pending()).toEqual([{ trigger: 'task', waiting: 50, inFlight: 0 }]));
    await publish(broker.url, { id: 'good' });
    const ids = () => received.map(({ headers }) => headers['ce-id']);
    const told = () => log.lines.filter(({ message }) => message.includes('stands still'));
    return { broker, file, clock, log, ids, told };
  }

  it('hold all places of their Trigger: what comes after them waits, and the log says so once', async () => {
    const { broker, clock, ids, told } = await standStill();
    await broker.idle(10_000);
    expect(told()).toMatchObject([{ level: 'error', fields: { trigger: 'task', retried: 50 } }]);
    expect(ids()).not.toContain('good');
    clock.advance(60_000);
    await vi.waitFor(() => expect(broker.pending()).toEqual([{ trigger: 'task', waiting: 51, inFlight: 0 }]));
    expect(ids()).toHaveLength(100);
    expect(ids()).not.toContain('good');
    expect(told()).toHaveLength(1);
  });

  it('do not hold up other Triggers', async () => {
    const { send, received } = await startSubscriber(({ headers }) => fail(headers['ce-id']));
    const to =
      (name: string): typeof send =>
      (target, ...rest) =>
        'service' in target && target.service === name ? send(target, ...rest) : empty();
    const empty = async () => ({ status: 204, headers: {}, body: Buffer.alloc(0) });
    const triggers = [task, triggerOf('other')];
    const broker = await startBroker({ send: to('task'), clock: manualClock(), triggers });
    for (let n = 0; n < 60; n += 1) await publish(broker.url, { id: `bad-${n}` });
    await vi.waitFor(() =>
      expect(broker.pending()).toEqual([
        { trigger: 'task', waiting: 60, inFlight: 0 },
        { trigger: 'other', waiting: 0, inFlight: 0 },
      ]),
    );
    expect(received).toHaveLength(50);
  });

  it('hold them again after a restart, and when their Trigger is back that was gone', async () => {
    const { broker: first, file, clock, ids } = await standStill();
    first.reconcile([]);
    expect(clock.next()).toBeGreaterThan(60_000);
    first.reconcile([task]);
    await vi.waitFor(() => expect(clock.next()).toBe(60_000));
    await first.close();
    const { send, received } = await startSubscriber(() => ({ status: 204 }));
    const log = keptLog();
    const broker = await startBroker({ file, send, clock, log, triggers: [task] });
    const stands = expect.stringContaining('Trigger task stands still');
    await vi.waitFor(() => expect(log.lines.map(({ message }) => message)).toEqual([stands]));
    expect([ids().length, received.length]).toEqual([50, 0]);
    clock.advance(60_000);
    await vi.waitFor(() => expect(broker.pending()).toEqual([{ trigger: 'task', waiting: 0, inFlight: 0 }]));
    expect(received.map(({ headers }) => headers['ce-id'])).toContain('good');
  });
});

it('gives up a dead letter whose headers no KafkaSink accepts: the log names the event, which stays visible', async () => {
  const { send } = await startSubscriber(() => ({ status: 400, body: 'x'.repeat(1_024) }));
  const log = keptLog();
  const sink = vi.fn<() => Promise<void>>(async () => {});
  const broker = await startBroker({ send, log, deadLetterSink: sink });
  // Below the limit on its way in, beyond it with what a dead letter has to say.
  expect((await publish(broker.url, { id: 'long', words: 'x'.repeat(7_000) })).status).toBe(202);
  await vi.waitFor(() => expect(broker.deadLetters()).toHaveLength(1));
  expect(sink).not.toHaveBeenCalled();
  expect(broker.deadLetters()[0]?.attributes['id']).toBe('long');
  expect(log.lines.filter(({ level }) => level === 'error')).toMatchObject([
    {
      message: expect.stringContaining('on a cluster this event is lost'),
      fields: { id: 'long', code: 400 },
    },
  ]);
});

it('delivers a copy to each Trigger: one Trigger that fails does not disturb another', async () => {
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
