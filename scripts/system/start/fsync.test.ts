import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import * as v from 'valibot';
import { startFormbus, type StartedFormbus } from '../../testing/formbus.ts';

/*
 * A power cut loses what was not synced to the disk. So this test traces the system calls: between
 * the write of a submission to a file and the write that acknowledges it, the file has to be synced.
 */

const canTrace = process.platform === 'linux' && spawnSync('strace', ['-V']).status === 0;
const isSkipped = !canTrace && process.env['CI'] === undefined;
if (isSkipped) console.log('fsync.test.ts needs strace on Linux: apt-get install strace');

let dir: string;
let formbus: StartedFormbus;
/** What the runner, whose Broker has the log, and Redis asked of the kernel while one submission went through them. */
let calls: string[];
let id: string;
let redisPid: number;

beforeAll(async () => {
  if (isSkipped) return;
  dir = await mkdtemp(join(tmpdir(), 'formbus-fsync-'));
  formbus = await startFormbus(join(dir, 'data'));
  const connections = await (await fetch(`${formbus.url}/_/connections`)).json();
  const redis = new Redis(v.parse(v.object({ redis: v.string() }), connections).redis);
  redisPid = Number(/process_id:(\d+)/.exec(await redis.info('server'))?.[1]);
  // What starts up is not looked at.
  await submit();
  await vi.waitFor(async () => expect(await redis.hlen('buffer:rows:formbus')).toBe(1), 20_000);
  await delivered();

  const file = join(dir, 'calls');
  const traced = ['-p', String(formbus.pid), '-p', String(redisPid)];
  const which = 'trace=write,writev,pwrite64,sendto,sendmsg,fsync,fdatasync';
  const strace = spawn('strace', ['-f', '-y', '-s', '5000', '-e', which, '-o', file, ...traced], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  strace.stderr.on('data', (data: Buffer) => (said += data.toString()));
  const ended = once(strace, 'exit');
  await vi.waitFor(() => expect(said).toContain(`Process ${redisPid} attached`), 20_000);
  id = await submit();
  await vi.waitFor(async () => expect(await redis.hlen('buffer:rows:formbus')).toBe(2), 20_000);
  await delivered();
  strace.kill('SIGINT');
  await ended;
  redis.disconnect();
  calls = (await readFile(file, 'utf8')).split('\n');
}, 60_000);
afterAll(async () => {
  if (isSkipped) return;
  await formbus.end('SIGTERM');
  await rm(dir, { recursive: true });
});

async function submit(): Promise<string> {
  const body = JSON.stringify({ name: 'Asha', message: 'Power cut' });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${formbus.url}/demo-form/`, { method: 'POST', headers, body });
  expect(answer.status).toBe(202);
  return v.parse(v.object({ id: v.string() }), await answer.json()).id;
}

/** Waits until no task is to get an event any more. */
async function delivered(): Promise<void> {
  const Events = v.array(v.object({ waiting: v.array(v.string()) }));
  await vi.waitFor(async () => {
    const events = v.parse(Events, await (await fetch(`${formbus.url}/_/events`)).json());
    expect(events.flatMap(({ waiting }) => waiting)).toEqual([]);
  }, 20_000);
}

/** The first call from `from` on that all the patterns fit. */
function find(from: number, ...patterns: RegExp[]): number {
  return calls.findIndex((call, index) => index > from && patterns.every((pattern) => pattern.test(call)));
}

it.skipIf(isSkipped)("the Broker's log is synced between the event's write and the 202", () => {
  const written = find(-1, /pwrite64\(\d+<[^>]*-wal>/, new RegExp(id));
  const synced = find(written, /f(data)?sync\(\d+<[^>]*-wal>/);
  const answered = find(-1, /<(socket|TCP)/, /HTTP\/1\.1 202/);
  expect(written).toBeGreaterThanOrEqual(0);
  expect(synced).toBeGreaterThan(written);
  expect(answered).toBeGreaterThan(synced);
});

it.skipIf(isSkipped)(
  "the Broker's log is synced once for a submission, and not again for each task that is done",
  () => {
    expect(calls.filter((call) => /f(data)?sync\(\d+<[^>]*events\.db-wal>/.test(call))).toHaveLength(1);
  },
);

it.skipIf(isSkipped)(
  "Redis's file is synced between the row's write and the answer to the buffering task",
  () => {
    const byRedis = new RegExp(`^${redisPid} `);
    const written = find(-1, byRedis, /write\(\d+<[^>]*\.aof>/, new RegExp(id));
    const synced = find(written, byRedis, /f(data)?sync\(\d+<[^>]*\.aof>/);
    const answered = find(written, byRedis, /<(socket|TCP)/);
    expect(written).toBeGreaterThanOrEqual(0);
    expect(synced).toBeGreaterThan(written);
    expect(answered).toBeGreaterThan(synced);
  },
);
