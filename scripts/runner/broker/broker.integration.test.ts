import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  keptLog,
  manualClock,
  publish,
  startBroker,
  startSubscriber,
  temporaryFile,
  triggerOf,
} from './broker-testing.ts';
import { openBroker } from './broker.ts';
import type { Send } from '../delivery/send.ts';
import { openEventLog } from './event-log/event-log.ts';

const never: Send = () => new Promise(() => {});
const structured = { 'content-type': 'application/cloudevents+json' };

describe('the ingress', () => {
  it('answers an event with an empty 202 and passes it on unchanged, extensions and all', async () => {
    const { send, received } = await startSubscriber(() => ({ status: 204 }));
    const broker = await startBroker({ send });
    const attributes = {
      id: '019b0000-0000-7000-8000-000000000001',
      time: '2026-01-01T00:00:00.123456789+05:30',
      dataschema: 'urn:formbus:demo-form:1',
      form: 'demo-form',
      sheet: 'formbus/Tab%20with%20%22quotes%22',
      partitionkey: '019b0000-0000-7000-8000-000000000001',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    };
    const data = '{ "big": 12345678901234567890, "name": "Åsha \u{1F600}" }';
    const response = await publish(broker.url, attributes, data);
    expect([response.status, await response.text()]).toEqual([202, '']);
    await vi.waitFor(() => expect(received).toHaveLength(1));
    const expected = Object.fromEntries(
      Object.entries(attributes).map(([name, value]) => [`ce-${name}`, value]),
    );
    expect(received[0]).toMatchObject({
      body: data,
      headers: { ...expected, 'content-type': 'application/json' },
    });
  });

  it.each<[string, object, string, string]>([
    ['JSON data', { data: { a: [1, null] } }, '{"a":[1,null]}', 'application/json'],
    [
      'JSON data that are a text',
      { data: 'x', datacontenttype: 'application/json' },
      '"x"',
      'application/json',
    ],
    ['text', { data: '<a/>', datacontenttype: 'text/xml' }, '<a/>', 'text/xml'],
    ['bytes', { data_base64: 'aGk=', datacontenttype: 'text/plain' }, 'hi', 'text/plain'],
  ])(
    'takes an event in structured mode with %s and delivers it in binary mode',
    async (_, parts, body, type) => {
      const { send, received } = await startSubscriber(() => ({ status: 204 }));
      const broker = await startBroker({ send });
      const event = {
        specversion: '1.0',
        id: '7',
        source: '/s',
        type: 't',
        count: 3,
        flagged: true,
        none: null,
        ...parts,
      };
      const response = await fetch(broker.url, {
        method: 'POST',
        headers: structured,
        body: JSON.stringify(event),
      });
      expect(response.status).toBe(202);
      await vi.waitFor(() => expect(received).toHaveLength(1));
      const headers = { 'ce-id': '7', 'ce-count': '3', 'ce-flagged': 'true', 'content-type': type };
      expect(received[0]).toMatchObject({ body, headers });
      expect(received[0]?.headers).not.toHaveProperty('ce-none');
    },
  );

  it('escapes what HTTP takes in no header', async () => {
    const { send, received } = await startSubscriber(() => ({ status: 204 }));
    const broker = await startBroker({ send });
    const event = { specversion: '1.0', id: 'Å\u{1F600}\n', source: '/s', type: 't' };
    await fetch(broker.url, { method: 'POST', headers: structured, body: JSON.stringify(event) });
    await vi.waitFor(() => expect(received[0]?.headers['ce-id']).toBe('%C3%85%F0%9F%98%80%0A'));
  });

  it('keeps data that are no text as they are', async () => {
    const { send } = await startSubscriber(() => ({ status: 400 }));
    const broker = await startBroker({ send });
    await publish(broker.url, {}, Buffer.from([0, 255, 128]));
    await vi.waitFor(() => expect(broker.deadLetters()).toHaveLength(1));
    expect(broker.deadLetters()[0]).toMatchObject({ data: undefined, dataBase64: 'AP+A' });
  });

  it.each<[string, RequestInit, string]>([
    ['a request without ce- headers', { body: '{}' }, '"specversion" is missing'],
    [
      'an event without id',
      { headers: { 'ce-specversion': '1.0', 'ce-source': '/s', 'ce-type': 't' } },
      '"id"',
    ],
    [
      'an event without type',
      { headers: { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s' } },
      '"type"',
    ],
    [
      'a source that is not a URI reference',
      { headers: { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': 'a b', 'ce-type': 't' } },
      'source is not a URI',
    ],
    [
      'another version',
      { headers: { 'ce-specversion': '2.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't' } },
      'specversion must be 1.0 or 0.3',
    ],
    ['a structured event that is not JSON', { headers: structured, body: '{' }, 'not a CloudEvent in JSON'],
    ['a structured event that is a list', { headers: structured, body: '[]' }, 'not a CloudEvent'],
    [
      'an attribute that is an object',
      { headers: structured, body: '{"specversion":"1.0","id":{}}' },
      'not a CloudEvent',
    ],
    [
      'an attribute with capitals',
      { headers: structured, body: '{"specversion":"1.0","id":"1","source":"/s","type":"t","Form":"x"}' },
      '"Form" is not an attribute name',
    ],
    [
      'a batch',
      { headers: { 'content-type': 'application/cloudevents-batch+json' }, body: '[]' },
      'not supported',
    ],
  ])('answers 400 and says why for %s', async (_, init, reason) => {
    const send = vi.fn<Send>(never);
    const broker = await startBroker({ send });
    const response = await fetch(broker.url, { method: 'POST', ...init });
    expect(response.status).toBe(400);
    expect(await response.text()).toContain(reason);
    expect(broker.pending()).toEqual([{ trigger: 'task', waiting: 0, inFlight: 0 }]);
    expect(send).not.toHaveBeenCalled();
  });

  it('answers 404 on other paths and 405 to other methods', async () => {
    const broker = await startBroker({ send: never });
    expect((await publish(broker.url.replace('/bus', '/other'))).status).toBe(404);
    const got = await fetch(broker.url);
    expect([got.status, got.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('answers 503 to more than a record of Kafka may have, with and without a length, and 202 to a little less', async () => {
    const broker = await startBroker({ send: never });
    const large = Buffer.alloc(1_048_576, 'x');
    expect((await publish(broker.url, {}, large)).status).toBe(503);
    const headers = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't' };
    const chunked = request(broker.url, { method: 'POST', headers });
    chunked.write(large);
    chunked.end('x');
    const [response] = await once(chunked, 'response');
    expect(response.statusCode).toBe(503);
    response.resume();
    expect((await publish(broker.url, {}, large.subarray(300))).status).toBe(202);
  });

  it('takes from its own process what it takes over HTTP, and answers the same', async () => {
    const { send, received } = await startSubscriber(() => ({ status: 204 }));
    const broker = await startBroker({ send });
    const headers = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't' };
    const post = async (headers: Record<string, string>, body = '{"a":1}') => {
      const { status, body: text } = await broker.post({ headers, body: Buffer.from(body) });
      const overHttp = await fetch(broker.url, { method: 'POST', headers, body });
      expect([status, text.toString()]).toEqual([overHttp.status, await overHttp.text()]);
      return status;
    };
    expect(await post({ ...headers, 'content-type': 'application/json' })).toBe(202);
    expect(await post({ 'content-type': 'application/json' })).toBe(400);
    expect(await post({ ...headers, 'ce-specversion': '2.0' })).toBe(400);
    expect(await post(headers, 'x'.repeat(1_048_577))).toBe(503);
    await vi.waitFor(() => expect(received.map(({ body }) => body)).toEqual(['{"a":1}', '{"a":1}']));
  });
});

describe('durability', () => {
  it('delivers, when it is opened again, every event that was answered 202 before a kill -9', async () => {
    const file = temporaryFile();
    const child = spawn(process.execPath, ['--input-type=module', '-e', CHILD, file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [url] = await once(createInterface(child.stdout), 'line');
    const ids = Array.from({ length: 30 }, (_, n) => `kept-${n}`);
    const statuses = await Promise.all(ids.map(async (id) => (await publish(url, { id })).status));
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(new Set(statuses)).toEqual(new Set([202]));
    const { send, received } = await startSubscriber(() => ({ status: 204 }));
    await startBroker({ file, send });
    await vi.waitFor(() => expect(received).toHaveLength(30));
    expect(new Set(received.map(({ headers }) => headers['ce-id']))).toEqual(new Set(ids));
  });

  it('refuses a file that another process has, and says so', async () => {
    const file = temporaryFile();
    const child = spawn(process.execPath, ['--input-type=module', '-e', CHILD, file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(createInterface(child.stdout), 'line');
    await expect(
      openBroker({ file, name: 'bus', triggers: [], send: never, log: keptLog() }),
    ).rejects.toThrow(`${file} is in use by another formbus`);
  });

  it('takes the same event twice, as a Kafka Broker does: tasks know what they have seen', async () => {
    const { send, received } = await startSubscriber(() => ({ status: 204 }));
    const broker = await startBroker({ send });
    await publish(broker.url);
    await publish(broker.url);
    await vi.waitFor(() => expect(received).toHaveLength(2));
  });

  it('keeps what waits for a Trigger that is gone, and warns', async () => {
    const file = temporaryFile();
    const first = await startBroker({ file, send: never });
    await publish(first.url);
    await first.close();
    const log = keptLog();
    const second = await startBroker({ file, send: never, log, triggers: [triggerOf('renamed')] });
    expect(log.lines).toMatchObject([{ level: 'warn', fields: { trigger: 'task', waiting: 1 } }]);
    await second.close();
    const { send, received } = await startSubscriber(() => ({ status: 204 }));
    await startBroker({ file, send });
    await vi.waitFor(() => expect(received).toHaveLength(1));
  });

  it('closes while a client holds a connection open and another is in the middle of a body', async () => {
    const broker = await startBroker({ send: never });
    await publish(broker.url);
    const slow = request(broker.url, { method: 'POST', headers: { 'content-length': 100 } });
    slow.on('error', () => {});
    slow.write('half');
    await once(slow, 'socket');
    await broker.close();
    await expect(publish(broker.url)).rejects.toThrow('fetch failed');
  });
});

it('holds a backlog of 100,000 deliveries without taking more than fifty of a Trigger up', async () => {
  const file = temporaryFile();
  const names = ['a', 'b', 'c', 'd'];
  const log = await openEventLog({ file, route: () => names, onNew: () => {}, now: Date.now });
  const attributes = { specversion: '1.0', source: '/s', type: 't' };
  const ids = Array.from({ length: 25_000 }, (_, n) => String(n));
  await Promise.all(
    ids.map((id) => log.append({ attributes: { ...attributes, id }, data: Buffer.from('{}') })),
  );
  log.close();
  const send = vi.fn<Send>(never);
  const broker = await startBroker({ file, send, triggers: names.map((name) => triggerOf(name)) });
  await vi.waitFor(() => expect(send).toHaveBeenCalledTimes(200));
  await publish(broker.url);
  expect(broker.pending()).toEqual(names.map((trigger) => ({ trigger, waiting: 24_951, inFlight: 50 })));
  expect(send).toHaveBeenCalledTimes(200);
});

it('shows its log: what an event still waits for and which Triggers have given it up', async () => {
  const { send } = await startSubscriber(({ headers }) => ({
    status: headers['ce-id'] === 'bad' ? 400 : 204,
  }));
  const broker = await startBroker({ send, triggers: [triggerOf('task')] });
  await publish(broker.url, { id: 'good' });
  await publish(broker.url, { id: 'bad' });
  await broker.idle(10_000);
  const [good, bad] = broker.events(0);
  expect(good).toMatchObject({ attributes: { id: 'good' }, waiting: [], dead: [] });
  expect(bad).toMatchObject({ attributes: { id: 'bad' }, waiting: [], dead: ['task'] });
  expect(broker.events(good?.seq ?? 0)).toEqual([bad]);
});

it('delivers an event of its log to one Trigger again and to no other, and only when it is not on its way', async () => {
  const { send, received } = await startSubscriber(() => ({ status: 204 }));
  const wanted = triggerOf('wanted', { filter: { kind: 'exact', attribute: 'type', value: 't' } });
  const broker = await startBroker({ send, triggers: [wanted, triggerOf('all')] });
  await publish(broker.url, { id: 'a' });
  await publish(broker.url, { id: 'b', type: 'u' });
  await broker.idle(10_000);
  expect(broker.events(0).map(({ triggers }) => triggers)).toEqual([['wanted', 'all'], ['all']]);
  received.length = 0;
  // Place 9 is none, and the second event is not for this Trigger.
  const first = broker.redeliver('wanted', [1, 2, 9]);
  expect(await broker.redeliver('wanted', [1])).toBe(0);
  expect(await first).toBe(1);
  await broker.idle(10_000);
  expect(received.map(({ headers }) => headers['ce-id'])).toEqual(['a']);
  expect(broker.redeliver('nobody', [1])).toBeUndefined();
});

it('is idle when all that is due has been delivered, also with something that waits for its retry', async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  const { send } = await startSubscriber(async ({ headers }) => {
    await held;
    return { status: headers['ce-id'] === 'later' ? 503 : 204 };
  });
  const broker = await startBroker({
    send,
    triggers: [triggerOf('task', { delivery: { backoffDelayMs: 3_600_000 } })],
  });
  await publish(broker.url, { id: 'later' });
  await publish(broker.url, { id: 'now' });
  await broker.idle(50);
  expect(broker.pending()).toEqual([{ trigger: 'task', waiting: 0, inFlight: 2 }]);
  const idle = broker.idle(60_000);
  release();
  await idle;
  expect(broker.pending()).toEqual([{ trigger: 'task', waiting: 1, inFlight: 0 }]);
});

it('passes over the Triggers of other Brokers', async () => {
  const broker = await startBroker({
    send: never,
    triggers: [triggerOf('task'), triggerOf('alien', { broker: 'other' })],
  });
  expect(broker.pending().map(({ trigger }) => trigger)).toEqual(['task']);
});

describe('other Triggers while it runs', () => {
  it('a new one gets what comes from then on; one that is changed delivers to its new subscriber', async () => {
    const to: unknown[] = [];
    const send: Send = async (subscriber) => {
      to.push(subscriber);
      return { status: 204, headers: {}, body: Buffer.alloc(0) };
    };
    const broker = await startBroker({ send, triggers: [triggerOf('one')] });
    await publish(broker.url);
    await vi.waitFor(() => expect(to).toEqual([{ service: 'one', path: '/' }]));
    const moved = { service: 'moved', path: '/' };
    broker.reconcile([
      triggerOf('one', { subscriber: moved }),
      triggerOf('two'),
      triggerOf('alien', { broker: 'x' }),
    ]);
    await publish(broker.url, { id: '2' });
    await vi.waitFor(() => expect(to).toHaveLength(3));
    expect(to.slice(1)).toEqual(expect.arrayContaining([moved, { service: 'two', path: '/' }]));
    expect(broker.pending().map(({ trigger }) => trigger)).toEqual(['one', 'two']);
  });

  it('one that is gone finishes what is under way, and its other events wait; when it is back they come, each once', async () => {
    const open: (() => void)[] = [];
    const ids: unknown[] = [];
    const send: Send = (_, { headers }) => {
      ids.push(headers['ce-id']);
      return new Promise((resolve) =>
        open.push(() => resolve({ status: 204, headers: {}, body: Buffer.alloc(0) })),
      );
    };
    const log = keptLog();
    const broker = await startBroker({ send, log });
    for (let id = 1; id <= 51; id += 1) await publish(broker.url, { id: String(id) });
    await vi.waitFor(() => expect(ids).toHaveLength(50));
    broker.reconcile([]);
    expect(log.lines.map(({ message }) => message)).toEqual([
      'events wait for a Trigger that was removed; they are kept',
    ]);
    expect(broker.redeliver('task', [1])).toBeUndefined();
    await publish(broker.url, { id: 'not for it' });
    open.splice(0, 49).forEach((answer) => answer());
    // Back while the last one is still under way.
    broker.reconcile([triggerOf('task')]);
    await vi.waitFor(() => expect(ids).toHaveLength(51));
    open.forEach((answer) => answer());
    await vi.waitFor(() => expect(broker.pending()).toEqual([{ trigger: 'task', waiting: 0, inFlight: 0 }]));
    expect(new Set(ids).size).toBe(51);
    expect(ids).not.toContain('not for it');
  });

  it('while one is gone nothing of it is delivered, though it is due', async () => {
    const { send, received } = await startSubscriber(() => ({ status: 503 }));
    const clock = manualClock();
    const broker = await startBroker({ send, clock });
    const ids = () => received.map(({ headers }) => headers['ce-id']);
    await publish(broker.url);
    await vi.waitFor(() => expect(received).toHaveLength(1));
    await vi.waitFor(() => expect(broker.pending()).toEqual([{ trigger: 'task', waiting: 1, inFlight: 0 }]));
    broker.reconcile([triggerOf('other')]);
    clock.advance(10_000);
    await publish(broker.url, { id: '2' });
    await vi.waitFor(() => expect(ids()).toEqual(['1', '2']));
    broker.reconcile([triggerOf('task')]);
    await vi.waitFor(() => expect(ids()).toEqual(['1', '2', '1']));
  });
});

it('forgets events that are delivered when their time is over, and no others', async () => {
  const file = temporaryFile();
  const clock = manualClock();
  const { send } = await startSubscriber(({ headers }) => ({
    status: headers['ce-id'] === 'waits' ? 503 : 204,
  }));
  const triggers = [triggerOf('task', { delivery: { retry: 9, backoffDelayMs: 86_400_000 } })];
  const broker = await startBroker({ file, send, clock, triggers, retentionMs: 3_600_000 });
  await publish(broker.url, { id: 'waits' });
  await publish(broker.url, { id: 'done' });
  await vi.waitFor(() => expect(broker.pending()).toEqual([{ trigger: 'task', waiting: 1, inFlight: 0 }]));
  clock.advance(3_600_001);
  await broker.close();
  const db = new DatabaseSync(file);
  onTestFinished(() => db.close());
  expect(db.prepare("SELECT attributes ->> 'id' AS id FROM events").all()).toEqual([{ id: 'waits' }]);
});

it('goes on when old events cannot be removed, as on a full disk, and tries again', async () => {
  const file = temporaryFile();
  const { send, received } = await startSubscriber(() => ({ status: 204 }));
  await (await startBroker({ file, send })).close();
  const db = new DatabaseSync(file);
  db.exec(
    "CREATE TRIGGER full BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END",
  );
  db.close();

  const clock = manualClock();
  const log = keptLog();
  const broker = await startBroker({ file, send, clock, log, retentionMs: 3_600_000 });
  await publish(broker.url);
  await vi.waitFor(() => expect(received).toHaveLength(1));
  await vi.waitFor(() => expect(broker.pending()).toEqual([{ trigger: 'task', waiting: 0, inFlight: 0 }]));
  for (const times of [1, 2]) {
    clock.advance(3_700_000);
    const failures = log.lines.filter(({ message }) => message.startsWith('old events could not be removed'));
    expect(failures).toHaveLength(times);
  }
  expect((await publish(broker.url, { id: '2' })).status).toBe(202);
});

/** A Broker in a process of its own, whose tasks never answer. */
const CHILD = `
  import { openBroker } from ${JSON.stringify(new URL('broker.ts', import.meta.url).href)};
  const trigger = ${JSON.stringify(triggerOf('task'))};
  const log = { info() {}, warn() {}, error() {} };
  const broker = await openBroker({
    file: process.argv[1], name: 'bus', triggers: [trigger], send: () => new Promise(() => {}), log,
  });
  console.log(broker.url);
`;
