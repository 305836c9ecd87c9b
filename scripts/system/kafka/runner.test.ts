import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as v from 'valibot';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { startSecureKafka, type SecureKafka } from '../../testing/secure-kafka.ts';
import { describeKafka, kafkaStartMs } from '../../testing/kafka.ts';
import { isRunning, tempFolder } from '../../runner/serving/testing.ts';
import { kafkaClient } from '../../runner/kafka/client.ts';
import { readTopic } from '../../runner/kafka/testing.ts';

const project = resolve(import.meta.dirname, '../../..');
const group = 'formbus-form-submissions';
const soon = { timeout: 120_000, interval: 250 };

/** The project without its forms: the test itself is the producer. */
function projectWithoutForms(): string {
  const root = tempFolder();
  for (const folder of ['eventing', 'knative'])
    cpSync(join(project, folder), join(root, folder), { recursive: true });
  for (const folder of ['functions', 'node_modules']) symlinkSync(join(project, folder), join(root, folder));
  rmSync(join(root, 'knative/forms'), { recursive: true });
  return root;
}

/** A runner in a process of its own, so that it can be killed. */
async function startRunnerProcess(root: string, data: string, env: Record<string, string> = {}) {
  const code = `
    import { startRunner } from ${JSON.stringify(join(project, 'scripts/runner/runner.ts'))};
    const [, root, data] = process.argv;
    const runner = await startRunner({ root, data, port: 0, kafka: true });
    process.on('SIGTERM', () => runner.close().then(() => process.exit(0)));
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code, root, data], {
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const url = await new Promise<string>((ready, reject) => {
    const take = (chunk: Buffer) => {
      output += chunk.toString();
      const found = /ready after .*?(http:\S+)\//.exec(output)?.[1];
      if (found) ready(found);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('close', (how) => reject(new Error(`the runner ended with ${how}:\n${output}`)));
  });
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  };
  onTestFinished(() => end('SIGKILL'));
  const rows = async () => {
    await fetch(`${url}/_/schedules/sheets-flush`, { method: 'POST' });
    const answer = await fetch(`${url}/_/sheets/orders.csv`);
    if (!answer.ok) return [];
    return [...(await answer.text()).matchAll(/\bid-\d+\b/g)].map(([id]) => id);
  };
  const get = async (path: string): Promise<unknown> => (await fetch(url + path)).json();
  return { output: () => output, end, rows, get };
}

/** As a form publishes it. */
function submission(id: string, type = 'form.submitted') {
  const headers = {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: '/forms/orders',
    ce_type: type,
    ce_form: 'orders',
    ce_sheet: 'formbus/orders',
    ce_time: new Date().toISOString(),
    ce_partitionkey: id,
    'content-type': 'application/json',
  };
  return { key: id, value: '{"name":"Ada"}', headers };
}

const Connections = v.object({ kafka: v.string() });

/** Of the Kafka broker whose log is in the data folder. */
function pidOf(data: string): number {
  const settings = realpathSync(join(data, 'kafka/1/server.properties'));
  const pid = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find((name) => commandLine(name).includes(settings));
  if (pid === undefined) throw new Error(`no broker runs with ${settings}`);
  return Number(pid);
}

function commandLine(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

describeKafka('npm start with a Kafka', { timeout: 300_000 }, () => {
  let kafka: SecureKafka;
  beforeAll(async () => void (kafka = await startSecureKafka()), kafkaStartMs);
  afterAll(() => kafka?.close(), kafkaStartMs);

  test('a runner killed in the midst of it goes on from what is committed: each row once; the undeliverable is in the topic', async () => {
    const [root, data] = [projectWithoutForms(), tempFolder()];
    // The runner by TLS and with a password, the test without.
    const first = await startRunnerProcess(root, data, kafka.env);
    expect(first.output()).toContain(`KAFKA_BROKERS=${kafka.env['KAFKA_BROKERS']}`);
    expect(first.output()).toContain('form-submissions: replicas=1  as there is one broker');

    const client = kafkaClient(kafka.url);
    const [producer, admin] = [client.producer(), client.admin()];
    await Promise.all([producer.connect(), admin.connect()]);
    onTestFinished(async () => void (await Promise.all([producer.disconnect(), admin.disconnect()])));
    const committed = async () => {
      const [of] = await admin.fetchOffsets({ groupId: group, topics: ['form-submissions'] });
      return (of?.partitions ?? []).reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
    };
    const [made] = (await admin.fetchTopicMetadata({ topics: ['form-submissions'] })).topics;
    expect(made?.partitions).toHaveLength(24);

    // Goes on over the kill, so that the kill meets records under way.
    const ids: string[] = [];
    const enough = new AbortController();
    const produced = (async () => {
      while (!enough.signal.aborted) {
        const messages = Array.from({ length: 10 }, (_, i) => submission(`id-${ids.length + i}`));
        await producer.send({ topic: 'form-submissions', acks: -1, messages });
        ids.push(...messages.map(({ key }) => key));
      }
    })();
    await expect.poll(committed, soon).toBeGreaterThan(50);
    await first.end('SIGKILL');
    const [atKill, sent] = [await committed(), ids.length];
    expect(atKill).toBeLessThan(sent);
    await expect.poll(() => ids.length, soon).toBeGreaterThan(sent + 100);
    enough.abort();
    await produced;

    const second = await startRunnerProcess(root, data, kafka.env);
    await expect.poll(async () => new Set(await second.rows()).size, soon).toBe(ids.length);
    expect((await second.rows()).length).toBe(ids.length);

    // What no task can read; each of those that get it makes a dead letter.
    await producer.send({
      topic: 'form-submissions',
      acks: -1,
      messages: [{ ...submission('poison'), value: '"no fields"' }],
    });
    const letters = await readTopic(kafka.url, 'form-dead-letters');
    const byTask = (name: string) =>
      letters.find(({ headers }) => String(headers?.['ce_knativeerrordest']) === `http://${name}/`);
    await expect.poll(() => byTask('sheets-buffer'), soon).toBeDefined();
    const letter = byTask('sheets-buffer');
    expect(String(letter?.headers?.['ce_id'])).toBe('poison');
    expect(String(letter?.headers?.['ce_knativeerrorcode'])).toBe('400');
    expect(String(letter?.key)).toBe('poison');
    const Shown = v.array(v.object({ trigger: v.string(), attributes: v.object({ id: v.string() }) }));
    expect(v.parse(Shown, await second.get('/_/dead-letters'))).toContainEqual({
      trigger: 'sheets-buffer',
      attributes: { id: 'poison' },
    });
    await second.end('SIGTERM');
  });

  // Elsewhere nothing ends the processes of a runner that is killed.
  test.skipIf(process.platform !== 'linux')(
    'a Kafka of its own comes back when it is killed, ends with the runner and goes on with its log',
    async () => {
      const [root, data] = [projectWithoutForms(), tempFolder()];
      const first = await startRunnerProcess(root, data);
      const { kafka: brokers } = v.parse(Connections, await first.get('/_/connections'));
      const pid = pidOf(data);
      expect(isRunning(pid)).toBe(true);
      const producer = kafkaClient(brokers).producer();
      const send = async (id: string) => {
        await producer.connect();
        await producer.send({ topic: 'form-submissions', acks: -1, messages: [submission(id)] });
        return 'acknowledged';
      };
      expect(await send('id-1')).toBe('acknowledged');
      process.kill(pid, 'SIGKILL');
      await expect.poll(() => send('id-2').catch(String), soon).toBe('acknowledged');
      await producer.disconnect();
      const again = pidOf(data);
      expect(again).not.toBe(pid);
      await first.end('SIGKILL');
      await expect.poll(() => isRunning(again), soon).toBe(false);

      const second = await startRunnerProcess(root, data);
      await expect.poll(second.rows, soon).toEqual(expect.arrayContaining(['id-1', 'id-2']));
      expect(new Set(await second.rows()).size).toBe(2);
      const last = pidOf(data);
      await second.end('SIGTERM');
      expect(isRunning(last)).toBe(false);
    },
  );
});
