import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type Server } from 'node:http';
import { createServer, type Server as NetServer } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import * as v from 'valibot';
import { openApi } from '../api/api.ts';
import { podOf, startFakeApi, type FakeApi } from '../api/fake-api.ts';
import { readTopic } from '../../tools/client/read-topic.ts';
import { startSecureKafka, type SecureKafka } from '../../testing/secure-kafka.ts';
import { describeKafka, kafkaStartMs } from '../../testing/kafka.ts';
import { kafkaClient } from '../../runner/kafka/client.ts';
import { createTopics } from '../../runner/kafka/topics.ts';
import { recordOf } from '../../events/kafka-record.ts';
import { temporaryFolder } from '../../testing/formbus.ts';
import { openClusterFormbus } from './cluster.ts';
import { Unchecked, type SuiteFormbus } from './formbus.ts';
import { refusingTask, refusingTaskResources } from './refusing-task.ts';
import { tryAll } from './run.ts';
import { bootstrap, broker, core, eventing, install, put, ready, serving } from './testing.ts';

describeKafka('a cluster behind an API server, with a real Kafka', { timeout: 120_000 }, () => {
  let folder: Awaited<ReturnType<typeof temporaryFolder>>;
  let kafka: SecureKafka;
  let fake: FakeApi;
  let formbus: SuiteFormbus & { close(): Promise<void> };
  const servers: (Server | NetServer)[] = [];
  const requests: string[] = [];
  const said: string[] = [];
  let master = 'redis-1';

  /** An HTTP server that records its requests. */
  async function door(name: string, answer: (req: IncomingMessage) => [status: number, body: string]) {
    const server = createHttpServer((req, res) => {
      requests.push(`${name} ${req.headers.host} ${req.url} ${String(req.headers['ce-id'] ?? '')}`.trim());
      const [status, body] = answer(req);
      req.resume().once('end', () => res.writeHead(status).end(body));
    });
    return listen(server);
  }

  async function listen(server: Server | NetServer): Promise<number> {
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return v.parse(v.object({ port: v.number() }), server.address()).port;
  }

  beforeAll(async () => {
    folder = await temporaryFolder();
    kafka = await startSecureKafka({ advertised: `${broker}:9093`, names: [broker, bootstrap] });
    const admin = kafkaClient(kafka.url).admin();
    await admin.connect();
    const topics = ['form-submissions', 'form-dead-letters'].map((topic) => ({ topic, numPartitions: 2 }));
    await createTopics(admin, topics);
    await admin.disconnect();

    fake = await startFakeApi(folder.path);
    const { KAFKA_USERNAME: user = '', KAFKA_PASSWORD: password = '', KAFKA_CA_FILE = '' } = kafka.env;
    install(fake).kafkaSecret({ user, password, 'ca.crt': readFileSync(KAFKA_CA_FILE, 'utf8') });
    const accepted = () => [202, '{"id":"0199"}'] satisfies [number, string];
    const sentinel = createServer((socket) => {
      socket
        .on('error', () => {})
        .on('data', (chunk) => {
          const host = `${master}.redis`;
          for (const command of chunk.toString().split(/(?=\*\d+\r\n)/))
            socket.write(
              command.includes('get-master-addr-by-name')
                ? `*2\r\n$${host.length}\r\n${host}\r\n$4\r\n6379\r\n`
                : '+OK\r\n',
            );
        });
    });
    const inner = await door('inner', ({ headers }) => [headers.host?.startsWith('broken') ? 503 : 204, '']);
    for (const [pod, namespace, labels, port, target] of [
      ['edge-1', 'formbus', { app: 'edge' }, 8080, await door('edge', accepted)],
      ['kourier-1', 'kourier-system', { app: '3scale-kourier-gateway' }, 8080, await door('outer', accepted)],
      ['kourier-1', 'kourier-system', { app: '3scale-kourier-gateway' }, 8081, inner],
      ['sentinel-0', 'formbus', { app: 'sentinel' }, 26_379, await listen(sentinel)],
      [
        'formbus-nodes-0',
        'kafka',
        { 'strimzi.io/cluster': 'formbus', 'strimzi.io/broker-role': 'true' },
        9093,
        Number(kafka.env['KAFKA_BROKERS']?.split(':')[1]),
      ],
    ] as const) {
      put(fake.objects, `/api/v1/namespaces/${namespace}/pods/${pod}`, ready, labels);
      fake.ports.set(`${pod}:${port}`, target);
    }
    vi.stubEnv('KUBECONFIG', fake.kubeconfig);
    const say = (line: string) => void said.push(line);
    formbus = await openClusterFormbus(openApi(), { namespace: 'formbus', say });
  }, kafkaStartMs);
  afterAll(async () => {
    await formbus?.close();
    vi.unstubAllEnvs();
    await fake?.close();
    for (const server of servers) server.close();
    await kafka?.close();
    await folder.remove();
  }, kafkaStartMs);

  it('submits at the edge, and behind its limits by the name that Kourier knows', async () => {
    expect(await formbus.submit('demo-form', {})).toEqual({ status: 202, id: '0199' });
    expect(await formbus.press('demo-form', {})).toEqual({ status: 202, id: '0199' });
    expect(requests).toEqual([
      expect.stringMatching(/^edge .* \/demo-form\/$/),
      'outer demo-form.formbus.formbus.internal /',
    ]);
    expect(formbus.image).toBe('dev.local/formbus:abc');
    expect(formbus.rows).toMatchObject({
      unreadable: expect.stringContaining('GOOGLE_APPLICATION_CREDENTIALS'),
    });
  });

  it('sees pods, and what they have logged', async () => {
    expect(await formbus.instances('demo-task')).toBe(0);
    for (const [name, isReady] of [
      ['a', true],
      ['b', false],
    ] as const)
      fake.objects.set(`${core}/pods/${name}`, podOf(name, 'demo-task', { isReady }));
    fake.logs.set('b', '{"id":"0199","msg":"seen"}\n');
    expect(await formbus.instances('demo-task')).toBe(1);
    expect(await formbus.hasLogged('demo-task', '0199')).toBe(true);
    expect(await formbus.hasLogged('demo-task', '0200')).toBe(false);
  });

  it('publishes to Kafka, finds dead letters there, and sends one again to its task', async () => {
    const attributes = { specversion: '1.0', id: 'one', source: '/suite', type: 'dev.formbus.suite' };
    await formbus.publish({ attributes, data: Buffer.from('{}') });
    const client = kafkaClient(kafka.url);
    const ids: unknown[] = [];
    for await (const { headers } of readTopic({ client, topic: 'form-submissions' }))
      ids.push(String(headers?.['ce_id']));
    expect(ids).toEqual(['one']);

    const producer = client.producer();
    await producer.connect();
    const failed = {
      knativeerrordest: `http://${refusingTask}.formbus.svc.cluster.local`,
      knativeerrorcode: '400',
      knativeerrordata: Buffer.from('this task refuses everything').toString('base64'),
    };
    const record = recordOf({ attributes: { ...attributes, ...failed }, data: Buffer.from('{}') }, 'binary');
    await producer.send({ topic: 'form-dead-letters', messages: [record] });
    await producer.disconnect();
    const [letter] = await formbus.letters.list();
    expect(letter).toMatchObject({ event: 'one', task: refusingTask, code: '400', redrivenAt: '' });
    expect(await formbus.letters.redrive(letter ? [letter] : [])).toBe(1);
    expect(requests.at(-1)).toBe(`inner ${refusingTask}.formbus.svc.cluster.local / one`);
    expect((await formbus.letters.list())[0]?.redrivenAt).not.toBe('');
  });

  it('fires the flush at its task', async () => {
    await formbus.flush();
    expect(requests.at(-1)).toMatch(/^inner sheets-flush\.formbus\.svc\.cluster\.local \/ suite-\d+$/);
  });

  it('applies a task, waits until it is ready, and removes it', async () => {
    const resources = refusingTaskResources({ image: formbus.image, isRepaired: false });
    fake.onChange = (method, path) => {
      const object = fake.objects.get(path);
      if (method === 'PATCH') fake.objects.set(path, { ...object, ...ready });
    };
    await formbus.apply(resources);
    expect(fake.objects.get(`${eventing}/triggers/${refusingTask}`)).toMatchObject(resources[1] ?? {});
    expect(fake.objects.get(`${serving}/${refusingTask}`)).toMatchObject(resources[0] ?? {});
    await formbus.remove(resources);
    // A second time, as after an interrupted case.
    await formbus.remove(resources);
    const both = [`${serving}/${refusingTask}`, `${eventing}/triggers/${refusingTask}`];
    expect(fake.changes).toEqual([
      ...both.map((path) => `PATCH ${path}`),
      ...both.toReversed().map((path) => `DELETE ${path}`),
    ]);
  });

  it('ends the pod that the Sentinels call master, and waits for another pod and a master', async () => {
    const path = `${core}/pods/redis-1`;
    put(fake.objects, path, ready, { app: 'redis' });
    fake.onChange = () => {
      master = 'redis-2';
      const { metadata } = podOf('redis-1', '');
      fake.objects.set(path, {
        ...ready,
        metadata: { name: 'redis-1', uid: `${metadata?.uid}-anew`, labels: { app: 'redis' } },
      });
    };
    await formbus.loseMaster();
    expect(fake.changes.at(-1)).toBe(`DELETE ${path}`);
    expect(said.slice(-2)).toEqual(['deleted redis-1, which was the master', 'redis-2 is the master']);
  });

  it('says of each case whether it holds, fails or could not be checked in full, and counts those that fail', async () => {
    const said: string[] = [];
    const outcome = (title: string, error?: Error) => ({
      title,
      check: () => (error ? Promise.reject(error) : Promise.resolve()),
    });
    const all = [outcome('a'), outcome('b', new Unchecked('no key')), outcome('c', new Error('lost: 1'))];
    const run = { formbus, accepted: new Set<string>() };
    expect(await tryAll(all, run, (line) => void said.push(line))).toBe(1);
    expect(said.map((line) => line.replace(/\(.* s\)/, '(s)'))).toEqual([
      '[1/3] a',
      '    holds (s)',
      '[2/3] b',
      '    not checked in full: no key',
      '[3/3] c',
      '    FAILED (s): lost: 1',
      'failed: 1 of 3',
    ]);
  });
});
