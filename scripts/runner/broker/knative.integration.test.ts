import { once } from 'node:events';
import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import * as v from 'valibot';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { describeKafka, kafkaStartMs, sharedKafka } from '../../testing/kafka.ts';
import { keptLog, manualClock, publish, startBroker, triggerOf } from './broker-testing.ts';
import type { Broker } from './broker.ts';
import { AttributesFilterSchema } from '../../events/trigger-filter.ts';
import { makeTopic, runSource, type TestMessage } from '../kafka/testing.ts';
import { openSchedules } from '../schedules/ping.ts';
import { openServices } from '../serving/services.ts';

/**
 * What Knative 1.23 does with Kafka, as it was measured, case by case: who runs the real one can hold it against this table. `like` names the
 * class, or the Go package, whose behaviour it is.
 */
const receiver = 'dev.knative.eventing.kafka.broker.receiver.impl';
const dispatcher = 'dev.knative.eventing.kafka.broker.dispatcher.impl';
const core = 'dev.knative.eventing.kafka.broker.core';

interface Case {
  what: string;
  like: string;
  real: unknown;
  here: () => Promise<unknown>;
}

function hold(cases: Case[]) {
  for (const { what, like, real, here } of cases)
    it(`${what}: ${JSON.stringify(real)} (${like})`, async () => expect(await here()).toEqual(real));
}

const event = { specversion: '1.0', id: '1', source: '/s', type: 't' };
const asHeaders = (attributes: Record<string, string>) =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce-${name}`, value]));
const headersOf = (changes: Record<string, string> = {}) => asHeaders({ ...event, ...changes });
const without = (name: keyof typeof event) =>
  asHeaders(Object.fromEntries(Object.entries(event).filter(([key]) => key !== name)));

async function serve(handle: (req: IncomingMessage, res: ServerResponse) => unknown): Promise<string> {
  const server = createServer((req, res) => void req.resume().once('end', () => handle(req, res)));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${v.parse(v.object({ port: v.number() }), server.address()).port}`;
}

/** How the runner sends. */
const { send } = openServices({
  services: [],
  launch: () => Promise.reject(new Error('none')),
  log: keptLog(),
});

// ---- the ingress of a Broker or KafkaSink

const ingress = (what: string, real: number, init: RequestInit & { path?: string }, like: string): Case => ({
  what: `the ingress, asked for ${what}`,
  like,
  real,
  async here() {
    const broker = await startBroker({ send: () => new Promise(() => {}) });
    const { path = '', ...rest } = init;
    return (await fetch(broker.url + path, { method: 'POST', headers: headersOf(), ...rest })).status;
  },
});
const mapper = 'io.cloudevents.core.v1.CloudEventBuilder';
const netty = 'io.netty.handler.codec.http.HttpObjectDecoder';
const handler = `${receiver}.handler.IngressRequestHandlerImpl`;
/** An attribute that makes the headers, the client's own included, `bytes` long in all. */
async function postHeaders(bytes: number): Promise<number> {
  const broker = await startBroker({ send: () => new Promise(() => {}) });
  const headers = { ...headersOf(), host: 'localhost', connection: 'close', 'content-length': '0' };
  const filled = Object.entries(headers).reduce(
    (sum, [name, value]) => sum + name.length + value.length + 2,
    0,
  );
  const all = { ...headers, 'ce-x': 'x'.repeat(bytes - filled - 'ce-x: '.length) };
  const req = httpRequest(broker.url, { method: 'POST', headers: all, agent: false }).end();
  const [{ statusCode }] = await once(req, 'response');
  return statusCode;
}

const ingressCases: Case[] = [
  ingress('an event', 202, {}, handler),
  ingress(
    'a time that is none',
    400,
    { headers: headersOf({ time: 'yesterday' }) },
    'io.cloudevents.types.Time',
  ),
  ingress(
    'a day that does not exist',
    400,
    { headers: headersOf({ time: '2026-02-30T00:00:00Z' }) },
    'io.cloudevents.types.Time',
  ),
  ingress('an empty id', 202, { headers: headersOf({ id: '' }) }, mapper),
  ingress('an empty source', 202, { headers: headersOf({ source: '' }) }, mapper),
  ingress('an empty type', 202, { headers: headersOf({ type: '' }) }, mapper),
  ingress('an empty subject', 400, { headers: headersOf({ subject: '' }) }, mapper),
  ingress('no id', 400, { headers: without('id') }, mapper),
  ingress(
    'no specversion',
    400,
    { headers: without('specversion') },
    'io.cloudevents.core.message.impl.MessageUtils',
  ),
  ingress(
    'specversion 0.3',
    202,
    { headers: headersOf({ specversion: '0.3' }) },
    'io.cloudevents.SpecVersion',
  ),
  ingress(
    'specversion 2.0',
    400,
    { headers: headersOf({ specversion: '2.0' }) },
    'io.cloudevents.SpecVersion',
  ),
  ingress('a relative dataschema', 202, { headers: headersOf({ dataschema: 'schemas/1' }) }, mapper),
  ingress('a source with a space', 400, { headers: headersOf({ source: 'a b' }) }, mapper),
  ingress('a PUT', 405, { method: 'PUT' }, `${receiver}.handler.MethodNotAllowedHandler`),
  ingress('a trailing slash', 202, { path: '/' }, `${receiver}.IngressProducerReconcilableStore`),
  ingress('another path', 404, { path: '/other' }, `${receiver}.ReceiverVerticle`),
  ingress('1.1 MB', 503, { body: 'x'.repeat(1_100_000) }, 'org.apache.kafka.clients.producer.KafkaProducer'),
  {
    what: 'the ingress, asked for 8,192 bytes of headers',
    like: netty,
    real: 202,
    here: () => postHeaders(8_192),
  },
  {
    what: 'the ingress, asked for 8,193 bytes of headers',
    like: netty,
    real: 431,
    here: () => postHeaders(8_193),
  },
];

// ---- what is delivered

const delivered = (what: string, real: object, attributes: Record<string, string>, like: string): Case => ({
  what: `delivered ${what}`,
  like,
  real,
  async here() {
    const got = Promise.withResolvers<IncomingMessage>();
    const uri = await serve((req, res) => {
      got.resolve(req);
      res.writeHead(204).end();
    });
    const broker = await startBroker({ send, triggers: [triggerOf('task', { subscriber: { uri } })] });
    await publish(broker.url, attributes);
    const { headers } = await got.promise;
    return Object.fromEntries(Object.keys(real).map((name) => [name, headers[name]]));
  },
});
const time = (given: string, real: string) =>
  delivered(`at ${given}`, { 'ce-time': real }, { time: given }, 'io.cloudevents.types.Time');

const passes = (what: string, real: boolean, attributes: Record<string, string>): Case => ({
  what: `filter ${what}`,
  like: `${core}.filter.AttributesFilter`,
  real,
  async here() {
    const broker = await startBroker({
      send,
      triggers: [triggerOf('task', { filter: v.parse(AttributesFilterSchema, { attributes }) })],
    });
    await publish(broker.url);
    return broker.events(0)[0]?.triggers.length === 1;
  },
});

const deliveredCases: Case[] = [
  delivered(
    'with its place, and whose it is',
    { 'ce-knativekafkapartition': '0', 'ce-knativekafkaoffset': '1' },
    {},
    `${dispatcher}.consumer.CloudEventOverridesMutator`,
  ),
  delivered(
    'with',
    { 'kn-namespace': 'formbus', prefer: 'reply' },
    {},
    `${dispatcher}.http.WebClientCloudEventSender`,
  ),
  time('2026-01-01T00:00:00.100Z', '2026-01-01T00:00:00.1Z'),
  time('2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00Z'),
  time('2026-01-01T00:00:00.123456789+05:30', '2026-01-01T00:00:00.123456789+05:30'),
  time('2026-01-01T00:00Z', '2026-01-01T00:00:00Z'),
  passes('{x: ""}', true, { x: '' }),
  passes('{type: t, x: ""}', true, { type: 't', x: '' }),
  passes('{x: a}', false, { x: 'a' }),
];

// ---- what an answer does

type Handle = (req: IncomingMessage, res: ServerResponse) => unknown;

/** What becomes of an event; of a dead letter, what it says of the failure. */
async function fate(uri: string, retry = 1): Promise<unknown> {
  const clock = manualClock();
  const delivery = { retry, timeoutMs: 60_000 };
  const broker = await startBroker({
    send,
    clock,
    triggers: [triggerOf('task', { subscriber: { uri }, delivery })],
  });
  await publish(broker.url);
  return vi.waitFor(() => {
    if (clock.next() === 1_000) return 'retried';
    expect(broker.pending()).toEqual([{ trigger: 'task', waiting: 0, inFlight: 0 }]);
    return fateOf(broker);
  }, 20_000);
}

function fateOf(broker: Broker): unknown {
  const [letter] = broker.deadLetters();
  if (!letter) return broker.events(0).length > 1 ? 'published' : 'done';
  const about = Object.entries(letter.attributes).filter(([name]) => /^knativeerror|^why$/.test(name));
  return Object.fromEntries(about.map(([name, value]) => [name.replace('knativeerror', ''), value]));
}

const answered = (what: string, real: unknown, handle: Handle, like = 'BaseResponseHandler'): Case => ({
  what: `answered ${what}`,
  like: `${dispatcher}.${like}`,
  real,
  async here() {
    let once = 0;
    const uri = await serve((req, res) =>
      (once += 1) > 1 && real === 'published' ? res.writeHead(204).end() : handle(req, res),
    );
    return withoutAddress(await fate(`${uri}/`), uri);
  },
});
const withoutAddress = (told: unknown, uri: string) => JSON.parse(JSON.stringify(told).replaceAll(uri, ''));
const base64 = (text: string) => Buffer.from(text).toString('base64');
const reply =
  (headers: Record<string, string>, body = '') =>
  (_: IncomingMessage, res: ServerResponse) =>
    res.writeHead(200, headers).end(body);
const status =
  (code: number, body = '') =>
  (_: IncomingMessage, res: ServerResponse) =>
    res.writeHead(code).end(body);
const sender = 'http.WebClientCloudEventSender';
const replied = 'ResponseToKafkaTopicHandler';
const letterOf = 'RecordDispatcherImpl';

const answerCases: Case[] = [
  ...[204, 200, 202].map((code) => answered(`${code}, empty`, 'done', status(code))),
  ...[500, 502, 503, 404, 408, 409, 429].map((code) => answered(`${code}`, 'retried', status(code), sender)),
  ...[400, 401, 413, 422, 425, 431].map((code) =>
    answered(`${code}`, { dest: '/', code: String(code), data: base64('no') }, status(code, 'no'), letterOf),
  ),
  answered('400 without a body', { dest: '/', code: '400' }, status(400), letterOf),
  answered(
    'with a header for the letter',
    { dest: '/', code: '400', why: 'because' },
    (_, res) => res.writeHead(400, { 'Kne-Why': 'because' }).end(),
    letterOf,
  ),
  answered(
    '200 with JSON that is no event',
    { dest: '/' },
    reply({ 'content-type': 'application/json' }, '{}'),
  ),
  answered('200 with text', { dest: '/' }, reply({}, 'OK')),
  answered('with broken ce- headers, empty', 'done', reply({ 'ce-specversion': '1.0', 'ce-id': '2' })),
  answered('with broken ce- headers and a body', { dest: '/' }, reply({ 'ce-specversion': '1.0' }, 'x')),
  answered('with an event', 'published', reply(headersOf({ id: '2', type: 'u' }), '{}'), replied),
  answered(
    'with an event of 0.3',
    'published',
    reply(headersOf({ specversion: '0.3', id: '2' }), '{}'),
    replied,
  ),
  answered(
    'with an event over 1 MiB',
    { dest: '/' },
    reply(headersOf({ id: '2' }), 'x'.repeat(1_048_577)),
    replied,
  ),
  answered('by a broken connection', 'retried', (_, res) => res.destroy(), sender),
  answered(
    '302',
    { dest: '/', code: '302' },
    (_, res) => res.writeHead(302, { location: '/next' }).end(),
    sender,
  ),
  {
    what: 'answered 303, then',
    like: `${dispatcher}.${sender} (io.vertx.ext.web.client.WebClientOptions.maxRedirects)`,
    real: { fate: 'done', asked: ['POST /', 'GET /next'] },
    async here() {
      const asked: string[] = [];
      const uri = await serve((req, res) => {
        asked.push(`${req.method} ${req.url}`);
        if (req.method === 'GET') res.writeHead(204).end();
        else res.writeHead(303, { location: '/next' }).end();
      });
      return { fate: await fate(uri), asked };
    },
  },
  {
    what: 'answered 303 for ever',
    like: `${dispatcher}.${sender} (io.vertx.ext.web.client.WebClientOptions.maxRedirects)`,
    real: { fate: { dest: '/', code: '303' }, gets: 16 },
    async here() {
      let gets = 0;
      const uri = await serve((req, res) => {
        if (req.method === 'GET') gets += 1;
        res.writeHead(303, { location: '/' }).end();
      });
      return { fate: withoutAddress(await fate(`${uri}/`), uri), gets };
    },
  },
  {
    what: 'no server there, in the end',
    like: `${dispatcher}.${letterOf}`,
    real: { dest: 'http://127.0.0.1:1/' },
    here: () => fate('http://127.0.0.1:1/', 0),
  },
  {
    what: 'a connection that breaks, in the end',
    like: `${dispatcher}.${letterOf}`,
    real: { dest: '/' },
    async here() {
      const uri = await serve((_, res) => res.destroy());
      return withoutAddress(await fate(`${uri}/`, 0), uri);
    },
  },
  {
    what: 'nothing for the time-out',
    like: `${dispatcher}.${sender}`,
    real: { dest: '/' },
    here: () => dripped(0),
  },
  {
    what: 'a drip for longer than the time-out',
    like: `${dispatcher}.${sender}`,
    real: 'done',
    here: () => dripped(3),
  },
];

/** The fate of an event whose subscriber lets `drops` bytes come and the end, each after nearly the time-out; without any it says nothing at all. */
async function dripped(drops: number): Promise<unknown> {
  const clock = manualClock();
  const answers = Promise.withResolvers<ServerResponse>();
  const uri = await serve((_, res) => answers.resolve(res));
  let pieces = 0;
  const broker = await startBroker({
    clock,
    triggers: [
      triggerOf('task', { subscriber: { uri: `${uri}/` }, delivery: { retry: 0, timeoutMs: 5_000 } }),
    ],
    send: (to, request, signal) => {
      const progress = () => {
        request.progress?.();
        pieces += 1;
      };
      return send(to, { ...request, progress }, signal);
    },
  });
  await publish(broker.url);
  const res = await answers.promise;
  res.writeHead(400);
  for (let drop = 0; drop < drops; drop += 1) {
    res.write('x');
    const before = pieces;
    await vi.waitFor(() => expect(pieces).toBeGreaterThan(before));
    clock.advance(4_000);
  }
  if (drops > 0) res.end();
  else clock.advance(5_000);
  await vi.waitFor(() => expect(broker.deadLetters()).toHaveLength(1));
  const told = withoutAddress(fateOf(broker), uri);
  return told.code === '400' ? 'done' : told;
}

// ---- PingSource

const pinged = (what: string, real: number[], code: number | 'nobody'): Case => ({
  what: `a PingSource whose sink answers ${what}, sent again after so many ms each`,
  like: 'knative.dev/eventing/pkg/adapter/mtping, github.com/cloudevents/sdk-go/v2/protocol/http',
  real,
  async here() {
    const clock = manualClock();
    const uri = code === 'nobody' ? 'http://127.0.0.1:1' : await serve((_, res) => res.writeHead(code).end());
    const source = { name: 'tick', file: 'tick.yaml', schedule: '0 0 1 1 *', sink: { uri } };
    const sources = [{ ...source, timezone: undefined, contentType: undefined, data: undefined }];
    const schedules = openSchedules({ sources, send, log: keptLog(), clock });
    onTestFinished(() => schedules.close());
    let isOver = false;
    const over = () => (isOver = true);
    void schedules.fire('tick')?.then(over, over);
    const pauses: number[] = [];
    for (;;) {
      await vi.waitFor(() => expect(isOver || clock.next() < Infinity).toBe(true));
      if (isOver) return pauses;
      pauses.push(clock.next());
      clock.advance(clock.next());
    }
  },
});
const five = [100, 200, 400, 800, 1_600];
const pingCases: Case[] = [
  ...([404, 413, 425, 429, 502, 503, 504] as const).map((code) => pinged(String(code), five, code)),
  ...[500, 501, 400, 408, 409, 204].map((code) => pinged(String(code), [], code)),
  pinged('nothing', five, 'nobody'),
];

describe('as the real Knative:', () => {
  hold([...ingressCases, ...deliveredCases, ...answerCases, ...pingCases]);
});

// ---- records of a KafkaSource

interface RecordCase {
  what: string;
  like: string;
  record: TestMessage;
  /** Of what is delivered; a name that is undefined is not there. */
  real: Record<string, string | undefined>;
}

const record = (changes: Record<string, string>): TestMessage => ({
  value: '{}',
  headers: {
    ...Object.fromEntries(Object.entries(event).map(([name, value]) => [`ce_${name}`, value])),
    ...changes,
  },
});
const wrapped = { 'ce-type': 'dev.knative.kafka.event' };
const deserializer = 'io.cloudevents.kafka.CloudEventDeserializer';
const interceptor = `${dispatcher}.consumer.InvalidCloudEventInterceptor`;

const recordCases: RecordCase[] = [
  {
    what: 'an event',
    like: `${dispatcher}.consumer.CloudEventOverridesMutator`,
    record: record({}),
    real: { 'ce-id': '1', 'ce-knativekafkapartition': '0', 'kn-namespace': 'formbus', prefer: 'reply' },
  },
  {
    what: 'a time with zeros at its end',
    like: 'io.cloudevents.types.Time',
    record: record({ ce_time: '2026-01-01T00:00:00.100Z' }),
    real: { 'ce-time': '2026-01-01T00:00:00.1Z' },
  },
  {
    what: 'a time that is none',
    like: interceptor,
    record: record({ ce_time: 'yesterday' }),
    real: { ...wrapped, 'ce-kafkaheadercetime': 'yesterday' },
  },
  {
    what: 'an attribute with capitals',
    like: 'io.cloudevents.kafka.impl.KafkaBinaryMessageReaderImpl',
    record: record({ ce_fooBar: 'x' }),
    real: { 'ce-type': 't', 'ce-foobar': 'x' },
  },
  {
    what: 'version 0.3',
    like: deserializer,
    record: record({ ce_specversion: '0.3' }),
    real: { 'ce-type': 't', 'ce-specversion': '0.3' },
  },
  { what: 'version 2.0', like: interceptor, record: record({ ce_specversion: '2.0' }), real: wrapped },
  {
    what: 'an empty id',
    like: deserializer,
    record: record({ ce_id: '' }),
    real: { 'ce-type': 't', 'ce-id': '' },
  },
  {
    what: 'headers in capitals',
    like: interceptor,
    record: { value: '{}', headers: { CE_SPECVERSION: '1.0', CE_ID: '1' } },
    real: wrapped,
  },
  {
    what: 'a key',
    like: interceptor,
    record: { key: 'k', value: 'plain' },
    real: { ...wrapped, 'ce-key': 'k', 'ce-partitionkey': 'k' },
  },
  {
    what: 'no key',
    like: interceptor,
    record: { value: 'plain' },
    real: { ...wrapped, 'ce-key': undefined },
  },
];

describeKafka('a KafkaSource as the real one, given', { timeout: 180_000 }, () => {
  let kafka: { url: string };
  beforeAll(async () => void (kafka = await sharedKafka()), kafkaStartMs);

  it('a record of each kind delivers it so', async () => {
    const topic = await makeTopic(kafka.url);
    await topic.produce(recordCases.map(({ record }) => record));
    const headers = new Map<string, Record<string, string>>();
    const { idle } = await runSource(topic, async (_, request) => {
      headers.set(request.headers['ce-knativekafkaoffset'] ?? '', request.headers);
      return { status: 202, headers: {}, body: Buffer.alloc(0) };
    });
    await idle(60_000);
    const source = `/apis/v1/namespaces/formbus/kafkasources/orders#${topic.topic}`;
    for (const [offset, { what, like, real }] of recordCases.entries()) {
      const got = headers.get(String(offset)) ?? {};
      const names = Object.keys(real);
      expect(Object.fromEntries(names.map((name) => [name, got[name]])), `${what} (${like})`).toEqual(real);
      if (real['ce-type'] === wrapped['ce-type']) expect(got['ce-source'], what).toBe(source);
    }
  });
});
