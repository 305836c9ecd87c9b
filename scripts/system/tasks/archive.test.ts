import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import * as v from 'valibot';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { connectionsOf } from '../../tools/client/running.ts';
import { startFormbus, dataFolder, type StartedFormbus } from '../../testing/formbus.ts';

let folder: Awaited<ReturnType<typeof dataFolder>>;
let formbus: StartedFormbus;
let url: string;
let redisUrl: string;
beforeAll(async () => {
  folder = await dataFolder();
  formbus = await startFormbus(folder.path);
  const { database, redis } = await connectionsOf(formbus.url);
  url = database ?? '';
  redisUrl = redis;
});
afterAll(async () => {
  await formbus.end('SIGTERM');
  await folder.remove();
});

async function query(statement: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
  const client = new Client(url);
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement, values)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}

/** As a client does it: a 503 is sent again, and counts once by its key. */
async function submit(name: string): Promise<string> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() };
  const body = JSON.stringify({ name, message: 'x' });
  for (;;) {
    const answer = await fetch(`${formbus.url}/demo-form/`, { method: 'POST', headers, body });
    const given: unknown = await answer.json();
    if (answer.status === 202) return v.parse(v.object({ id: v.string() }), given).id;
    expect(answer.status).toBe(503);
  }
}

const Events = v.array(v.object({ waiting: v.array(v.string()) }));
const waiting = async () =>
  v.parse(Events, await (await fetch(`${formbus.url}/_/events`)).json()).flatMap((event) => event.waiting);
const settled = async () => {
  await expect.poll(waiting, { timeout: 60_000 }).toEqual([]);
};

const Report = v.object({
  lost: v.array(v.looseObject({ id: v.string() })),
  forgotten: v.number(),
  unlogged: v.array(v.unknown()),
  archive: v.object({
    archived: v.number(),
    forgotten: v.number(),
    lost: v.array(v.looseObject({ id: v.string() })),
  }),
});
async function run(script: string, ...args: string[]) {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, '../../commands', script), '--url', formbus.url, ...args],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const exited = once(child, 'exit');
  const output = await text(child.stdout);
  const [code] = v.parse(v.tuple([v.number(), v.unknown()]), await exited);
  return { output, code };
}
async function audit(...options: string[]) {
  const { output, code } = await run('audit.ts', '--json', ...options);
  return { code, ...v.parse(v.pipe(v.string(), v.parseJson(), Report), output) };
}

/** The server process that the connection's own one was forked from. */
async function killPostgres(): Promise<void> {
  const [row] = await query('SELECT pg_backend_pid() AS pid');
  const parent = /PPid:\s+(\d+)/.exec(readFileSync(`/proc/${Number(row?.['pid'])}/status`, 'utf8'))?.[1];
  process.kill(Number(parent), 'SIGKILL');
}

it('before the first submission there is nothing in the archive, and nothing lost', async () => {
  expect(await audit()).toMatchObject({ code: 0, archive: { archived: 0, lost: [] } });
  const { code } = await run('forget.ts', '--form', 'demo-form', '--id', 'nobody');
  expect(code).toBe(2);
  const id = await submit('first');
  // On its way, wherever it is by now.
  expect(await audit()).toMatchObject({ code: 0, archive: { lost: [] } });
  await settled();
  expect(await query('SELECT id FROM submissions')).toEqual([{ id }]);
});

it('500 submissions are in the archive once, though the database is killed in their midst', async () => {
  // One comes first, so that there is an archive to be killed.
  await submit('first of many');
  await settled();
  const ids = (await query('SELECT id FROM submissions')).map(({ id }) => String(id));
  for (let round = 0; round < 10; round += 1) {
    ids.push(...(await Promise.all(Array.from({ length: 50 }, (_, i) => submit(`Person ${round} ${i}`)))));
    // It may still be coming back from the time before.
    if (round === 3 || round === 7) await vi.waitFor(killPostgres, { interval: 20 });
  }
  await settled();
  const rows = await query('SELECT id FROM submissions');
  expect(rows.map(({ id }) => String(id)).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(
    ids.toSorted((a, b) => (a < b ? -1 : 1)),
  );
  expect(formbus.output()).toMatch(/postgres was ended by SIGKILL; it is being restarted/);
  expect(await formbus.deadLetters()).toEqual([]);
}, 120_000);

it('the audit finds what the archive lacks, the repair puts it in, and what was forgotten stays so', async () => {
  const [kept, lost, forgotten] = [await submit('Asha'), await submit('Ben'), await submit('Cleo')];
  await settled();
  await formbus.flush();
  const before = await audit();
  expect(before).toMatchObject({
    code: 0,
    archive: { lost: [], forgotten: 0 },
    lost: [],
    forgotten: 0,
  });

  expect((await run('forget.ts', '--form', 'demo-form', '--id', forgotten)).code).toBe(0);
  await query('DELETE FROM submissions WHERE id = $1', [lost]);
  const found = await audit();
  expect(found).toMatchObject({ code: 1, lost: [], archive: { lost: [{ id: lost }], forgotten: 1 } });
  expect(found.forgotten).toBeGreaterThan(0);
  expect(found.archive.archived).toBe(before.archive.archived - 2);

  // Redis has lost its state: the archive knows.
  const redis = new Redis(redisUrl);
  await redis.del('buffer:forgotten');
  redis.disconnect();
  await audit('--repair');
  await settled();
  await formbus.flush();
  expect(await audit('--repair')).toMatchObject({
    code: 0,
    lost: [],
    archive: { lost: [], forgotten: 1 },
  });
  expect(await query('SELECT id FROM submissions WHERE data IS NULL')).toEqual([{ id: forgotten }]);
  const ids = (await formbus.rows('demo-form')).map(({ id }) => id);
  expect(ids).toEqual(expect.arrayContaining([kept, lost]));
  expect(ids).not.toContain(forgotten);
}, 120_000);
