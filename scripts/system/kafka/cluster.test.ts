import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as v from 'valibot';
import { serve, type Served } from '../../../functions/lib/serve/serve.ts';
import { archive as archiveTask } from '../../../functions/tasks/archive/archive.ts';
import { detectSlang } from '../../../functions/tasks/detect-slang/detect-slang.ts';
import { startTestPostgres } from '../../../functions/testing/postgres.ts';
import { kafkaClient } from '../../runner/kafka/client.ts';
import { createTopics } from '../../runner/kafka/topics.ts';
import type { ConsumedRecord } from '../../events/kafka-record.ts';
import type { KafkaServer } from '../../runner/kafka/server/server.ts';
import { readTopic } from '../../tools/client/read-topic.ts';
import { describeKafka, kafkaStartMs, startTestKafka } from '../../testing/kafka.ts';

const local = 'formbus.svc.cluster.local';

/** Requests by the task's host, and what the ones without a task behind them are answered. */
interface Gateway {
  url: string;
  requests: { host: string; id: string }[];
  answers: Record<string, number>;
  close(): void;
}

/** Like Kourier's internal gateway: it finds a task by the Host and answers 404 where there is none. */
async function startGateway(tasks: Record<string, string>): Promise<Gateway> {
  const gateway: Gateway = { url: '', requests: [], answers: {}, close: () => server.close() };
  const server = createServer((req, res) => {
    const { host = '', connection: _, 'content-length': __, ...headers } = req.headers;
    gateway.requests.push({ host, id: String(headers['ce-id']) });
    const task = tasks[host];
    if (task === undefined) {
      res.writeHead(gateway.answers[host] ?? 404).end('as told');
      return;
    }
    const passed = new Headers(Object.entries(headers).map(([name, value]) => [name, String(value)]));
    buffer(req)
      .then((body) => fetch(task, { method: 'POST', headers: passed, body: new Uint8Array(body) }))
      .then(async (answer) =>
        res.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text()),
      )
      .catch(() => res.writeHead(502).end());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  gateway.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  return gateway;
}

describeKafka('a cluster, as its operator reaches it', { timeout: 120_000 }, () => {
  let kafka: KafkaServer;
  let slang: Served;
  let gateway: Gateway;

  beforeAll(async () => {
    kafka = await startTestKafka();
    slang = await serve(detectSlang, { env: { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent' } });
    gateway = await startGateway({ [`detect-slang.${local}`]: slang.url });
    const admin = kafkaClient(kafka.url).admin();
    await admin.connect();
    const topics = ['form-submissions', 'form-dead-letters'].map((topic) => ({ topic, numPartitions: 3 }));
    await createTopics(admin, topics);
    await admin.disconnect();
  }, kafkaStartMs);
  afterAll(async () => {
    gateway?.close();
    await slang?.close();
    await kafka?.close();
  }, kafkaStartMs);

  const run = (script: string, ...args: string[]) => runWith({}, script, ...args, '--gateway', gateway.url);

  async function runWith(env: Record<string, string>, script: string, ...args: string[]) {
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, '../../commands', script), ...args, '--kafka'],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, KAFKA_BROKERS: kafka.url, ...env },
      },
    );
    const exited = once(child, 'exit');
    const [output, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = v.parse(v.tuple([v.number(), v.unknown()]), await exited);
    return { output, complaint, code };
  }

  async function write(topic: string, records: Record<string, string>[]) {
    const producer = kafkaClient(kafka.url).producer();
    await producer.connect();
    for (const attributes of records) {
      const headers = Object.entries(attributes).map(([name, value]) => [`ce_${name}`, value]);
      const value = '{"name":"Asha","message":"what a shit"}';
      const message = {
        value,
        headers: { ...Object.fromEntries(headers), 'content-type': 'application/json' },
      };
      await producer.send({ topic, acks: -1, messages: [message] });
    }
    await producer.disconnect();
  }

  const read = async (topic: string): Promise<Record<string, string>[]> => {
    const records: ConsumedRecord[] = [];
    for await (const record of readTopic({ client: kafkaClient(kafka.url), topic })) records.push(record);
    return records.map(({ headers }) =>
      Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)])),
    );
  };

  const submission = (id: string, more: Record<string, string> = {}) => ({
    specversion: '1.0',
    id,
    type: 'form.submitted',
    source: '/forms/demo-form',
    form: 'demo-form',
    sheet: 'formbus/demo-form',
    time: new Date().toISOString(),
    ...more,
  });
  const letter = (id: string, task: string) =>
    submission(id, {
      knativeerrordest: `http://${task}/`,
      knativeerrorcode: '400',
      knativeerrordata: Buffer.from('no address').toString('base64'),
    });

  describe('npm run dead-letters -- --kafka', () => {
    it('sends a letter again to the task that failed only, and once; what is refused again stays', async () => {
      await write('form-dead-letters', [
        letter('1', `detect-slang.${local}`),
        letter('2', `mail.${local}`),
        letter('3', `kafka-broker-ingress.knative-eventing.svc.cluster.local/default/formbus`),
      ]);
      const { output, complaint } = await run('dead-letters.ts', 'list');
      expect(complaint).toBe('');
      expect(output).toMatch(/\d-\d {2}\S+ {2}detect-slang {2}demo-form {2}1 {2}400 {2}no address\n/);
      expect(output).toContain('3 in all');

      gateway.answers[`mail.${local}`] = 400;
      const first = await run('dead-letters.ts', 'redrive', '--all');
      expect(first.output).toContain('sent again: 2 of 3\n');
      expect(first.complaint).toContain('mail failed on it again: 400 as told');
      expect([first.code, first.complaint]).toEqual([1, expect.stringContaining('not sent: 1, for mail: ')]);
      expect(gateway.requests).toEqual([
        { host: `detect-slang.${local}`, id: '1' },
        { host: `mail.${local}`, id: '2' },
      ]);
      // The task's reply, and what had not come to the Broker, go the way of a submission, with no word of the failure.
      const published = await read('form-submissions');
      expect(published.map(({ ce_id: id, ce_type: type }) => [id, type])).toEqual([
        ['1/detect-slang', 'form.analyzed'],
        ['3', 'form.submitted'],
      ]);
      expect(Object.keys(published[1] ?? {}).filter((name) => name.includes('knative'))).toEqual([]);

      gateway.answers[`mail.${local}`] = 204;
      expect((await run('dead-letters.ts', 'redrive', '--task', 'mail')).output).toBe('sent again: 1 of 1\n');
      expect((await run('dead-letters.ts', 'redrive', '--all')).output).toBe(
        'sent again: 0 of 0; 3 were before\n',
      );
      expect(gateway.requests).toHaveLength(3);
      expect((await run('dead-letters.ts', 'list')).output).toBe('There are no dead letters.\n');
      expect((await run('dead-letters.ts', 'list', '--redriven')).output).toContain('(sent again)');
    });
  });

  describe('npm run replay -- --kafka', () => {
    const asked = ['--form', 'demo-form', '--task', 'demo-task', '--rate', '100'];

    it("replays a form's past to one task and no other, and what the task refuses is a dead letter", async () => {
      await write('form-submissions', [
        submission('past-1'),
        submission('other', { form: 'another-form' }),
        submission('analyzed', { type: 'form.analyzed' }),
        submission('past-2'),
      ]);
      const host = `demo-task.${local}`;
      const before = gateway.requests.length;
      gateway.answers[host] = 400;
      const dry = await run('replay.ts', ...asked, '--dry-run');
      expect(dry.output).toMatch(/^\d events would be delivered to demo-task\n$/);
      expect(gateway.requests).toHaveLength(before);

      await run('replay.ts', ...asked);
      const given = gateway.requests.slice(before);
      expect(given.every((one) => one.host === host)).toBe(true);
      const ids = given.map(({ id }) => id).filter((id) => id.startsWith('past-'));
      expect(ids.toSorted((a, b) => a.localeCompare(b))).toEqual(['past-1', 'past-2']);
      expect(given.map(({ id }) => id)).not.toContain('other');
      const letters = (await read('form-dead-letters')).filter(({ ce_id: id }) => id === 'past-1');
      expect(letters).toMatchObject([{ ce_knativeerrordest: `http://${host}/`, ce_knativeerrorcode: '400' }]);
    });
  });

  it('a submission is forgotten by an event in the topic; the archive shows when that is done', async () => {
    const postgres = await startTestPostgres();
    const env = { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent', DATABASE_URL: postgres.url };
    const archive = await serve(archiveTask, { env });
    try {
      const id = randomUUID();
      const post = async (attributes: Record<string, string>, body: string) => {
        const named = Object.entries(attributes).map(([name, value]) => [`ce-${name}`, value]);
        const headers = { ...Object.fromEntries(named), 'content-type': 'application/json' };
        expect((await fetch(archive.url, { method: 'POST', headers, body })).status).toBe(204);
      };
      await post(submission(id), '{"name":"Asha"}');
      const command = ['forget.ts', '--form', 'demo-form', '--id', id] as const;
      const asked = runWith({ DATABASE_URL: postgres.url }, ...command);
      const event = await vi.waitFor(async () => {
        const found = (await read('form-submissions')).find((one) => one['ce_id'] === `${id}/forgotten`);
        if (!found) throw new Error('the event is not there');
        return found;
      });
      const attributes = Object.entries(event).flatMap(([name, value]) =>
        name.startsWith('ce_') ? [[name.slice(3), value]] : [],
      );
      await post(Object.fromEntries(attributes), JSON.stringify({ id }));
      const { output, code } = await asked;
      expect(output).toContain('archive: removed; the id stays as a mark');
      expect(output).toContain(`npm run dead-letters -- list ${id}/forgotten --kafka`);
      expect(code).toBe(0);
      expect(await runWith({ DATABASE_URL: '' }, ...command)).toMatchObject({
        code: 2,
        complaint: expect.stringContaining('DATABASE_URL is missing'),
      });
    } finally {
      await archive.close();
      await postgres.close();
    }
  });
});
