import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import * as v from 'valibot';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { connectionsOf } from '../../tools/client/running.ts';
import { pidsOf } from '../../chaos/faults/victims.ts';
import { startFormbus, dataFolder, type StartedFormbus } from '../../testing/formbus.ts';

let folder: Awaited<ReturnType<typeof dataFolder>>;
let formbus: StartedFormbus;
let redis: Redis;
let database: Client;
beforeAll(async () => {
  folder = await dataFolder();
  formbus = await startFormbus(folder.path);
  const urls = await connectionsOf(formbus.url);
  redis = new Redis(urls.redis);
  database = new Client(urls.database ?? '');
  await database.connect();
});
afterAll(async () => {
  redis.disconnect();
  await database.end();
  await formbus.end('SIGTERM');
  await folder.remove();
});

async function run(script: string, ...args: string[]) {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, '../../commands', script), '--url', formbus.url, ...args],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const exited = once(child, 'exit');
  const [output, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = v.parse(v.tuple([v.number(), v.unknown()]), await exited);
  return { output, complaint, code };
}

async function submit(fields: Record<string, string>): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${formbus.url}/demo-form/`, {
    method: 'POST',
    headers,
    body: JSON.stringify(fields),
  });
  return v.parse(v.object({ id: v.string() }), await answer.json()).id;
}

const Events = v.array(v.object({ waiting: v.array(v.string()) }));
const waiting = async () =>
  v.parse(Events, await (await fetch(`${formbus.url}/_/events`)).json()).flatMap((event) => event.waiting);
const settled = async () => {
  await expect.poll(waiting, { timeout: 60_000 }).toEqual([]);
};

/** All that the sheets, Redis and PostgreSQL have. */
async function everything(): Promise<string> {
  const tabs = await Promise.all(
    ['demo-form', 'Moderation'].map(async (tab) =>
      (await fetch(`${formbus.url}/_/sheets/${tab}.csv`)).text(),
    ),
  );
  const keys = await redis.keys('*');
  const values = await Promise.all(
    keys.map(async (key) => {
      const type = await redis.type(key);
      if (type === 'string') return redis.get(key);
      if (type === 'hash') return redis.hgetall(key);
      return type === 'set' ? redis.smembers(key) : redis.zrange(key, '0', '-1');
    }),
  );
  const { rows: names } = await database.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'`,
  );
  const tables = await Promise.all(
    names.map(async ({ name }) => (await database.query(`SELECT * FROM ${name}`)).rows),
  );
  return JSON.stringify([tabs, keys, values, tables]);
}

it('removes a submission from every store, wherever it is on its way, and no replay brings it back', async () => {
  const slang = 'shit happens to Zarathustra';
  const inSheet = await submit({ name: 'Zarathustra Spitama', message: slang });
  const other = await submit({ name: 'Ben', message: 'shit' });
  await settled();
  await formbus.flush();
  const buffered = await submit({ name: 'Zarathustra again', message: slang });
  const suspected = await submit({ name: 'Zarathustra bot', message: 'x', _url: 'http://spam.example' });
  await settled();
  expect((await everything()).match(/Zarathustra/g)?.length).toBeGreaterThan(5);

  for (const id of [inSheet, buffered, suspected]) {
    const { code, output } = await run('forget.ts', '--form', 'demo-form', '--id', id);
    expect(output).toContain(
      'archive: removed; the id stays as a mark\nbuffer: no row, and none is accepted again\nsheets: no row',
    );
    expect(output).toContain("the Broker's log: the event of 20");
    expect(code).toBe(0);
  }
  expect(await everything()).not.toContain('Zarathustra');

  for (const task of ['sheets-buffer', 'sheets-buffer-moderation', 'archive', 'detect-slang'])
    expect((await run('replay.ts', '--form', 'demo-form', '--task', task, '--rate', '1000')).code).toBe(0);
  await settled();
  expect(await formbus.flush()).toBe(204);
  expect(await everything()).not.toContain('Zarathustra');
  expect((await formbus.rows('demo-form')).filter(({ id }) => id).map(({ id }) => id)).toEqual([other]);
  expect((await formbus.rows('Moderation')).filter(({ id }) => id)).toHaveLength(1);
  expect(await formbus.deadLetters()).toEqual([]);

  const again = await run('forget.ts', '--form', 'demo-form', '--id', inSheet);
  expect([again.code, again.output]).toEqual([0, expect.stringContaining('archive: was removed before')]);
}, 120_000);

it('says that Redis does not answer, and removes the submission when it is run again', async () => {
  const id = await submit({ name: 'Frozen', message: 'x' });
  await settled();
  const [pid = 0] = pidsOf(formbus.pid, 'redis');
  process.kill(pid, 'SIGSTOP');
  onTestFinished(() => void process.kill(pid, 'SIGCONT'));
  const { code, output } = await run('forget.ts', '--form', 'demo-form', '--id', id);
  expect([code, output]).toEqual([
    1,
    expect.stringMatching(
      /not yet: the buffer's Redis at redis:\S+ cannot be reached \(.*run this again to see the result, which is safe\n/,
    ),
  ]);
  process.kill(pid, 'SIGCONT');
  expect((await run('forget.ts', '--form', 'demo-form', '--id', id)).code).toBe(0);
  expect(await everything()).not.toContain('Frozen');
}, 120_000);

it('says what is wrong', async () => {
  const id = await submit({ name: 'Cleo', message: 'x' });
  await settled();
  expect(await run('forget.ts', '--form', 'student-data-form', '--id', id)).toMatchObject({
    code: 2,
    complaint: expect.stringContaining(`${id} is a submission of demo-form, not of student-data-form`),
  });
  expect(await run('forget.ts', '--form', 'demo-form', '--id', 'nobody')).toMatchObject({
    code: 2,
    complaint: expect.stringContaining('there is no submission nobody'),
  });
  expect((await run('forget.ts', '--id', id)).complaint).toContain('--form F --id ID');
  expect(JSON.stringify(await formbus.rows('demo-form'))).not.toContain('nobody');
});
