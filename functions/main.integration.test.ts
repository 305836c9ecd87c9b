import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bundle } from './testing/bundle.ts';
import { startFunction, type FunctionProcess } from './testing/process.ts';
import { bodyOf, formEnv, postJson, startSink, student, type Sink } from './testing/sink.ts';

const root = join(import.meta.dirname, '..');
let dir: string;
let sink: Sink;
const mains = { source: join(root, 'functions/main.ts'), bundle: '', snapshot: '' };
const flags = { source: [], bundle: [], snapshot: ['--snapshot-blob', ''] };

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'formbus-main-'));
  mains.bundle = mains.snapshot = await bundle(root, join(dir, 'bundle'));
  flags.snapshot[1] = join(mains.bundle, '../snapshot.blob');
  sink = await startSink();
});
afterAll(async () => {
  await sink.close();
  await rm(dir, { recursive: true });
});
beforeEach(() => {
  sink.events = [];
  sink.answer = undefined;
});

describe.each(['source', 'bundle', 'snapshot'] as const)('a function as a process, from its %s', (kind) => {
  const target = { FUNCTION_TARGET: 'student-data-form' };
  const start = () => startFunction(mains[kind], formEnv(sink, target), { flags: flags[kind] });

  it('keeps the contract: page, schema, 202, 422, 400, 404, 405, 413 and 503', async () => {
    const form = await start();
    const statuses = [
      await fetch(form.url),
      await fetch(`${form.url}/schema.json`),
      await postJson(form.url, student),
      await fetch(form.url, { method: 'POST', body: multipart(student) }),
      await postJson(form.url, {}),
      await postJson(form.url, '{'),
      await fetch(`${form.url}/nothing`),
      await fetch(form.url, { method: 'DELETE' }),
      await postJson(form.url, { name: 'x'.repeat(200_000) }),
    ].map((answer) => answer.status);
    expect(statuses).toEqual([200, 200, 202, 202, 422, 400, 404, 405, 413]);
    expect(sink.events.map((event) => event.data)).toEqual([student, student]);
    sink.answer = (res) => res.writeHead(500).end();
    const refused = await postJson(form.url, student);
    expect([refused.status, (await bodyOf(refused))['title']]).toEqual([503, 'Service Unavailable']);
    form.kill('SIGTERM');
    expect(await form.exited).toBe(0);
  });

  it('answers on SIGTERM all that is in flight, bodies that are still coming included, and then leaves', async () => {
    const form = await start();
    const held: (() => void)[] = [];
    sink.answer = (res) => held.push(() => res.writeHead(202).end());
    const inFlight = Array.from({ length: 20 }, () => postJson(form.url, student));
    await expect.poll(() => held.length).toBe(20);
    const slow = slowPost(form, JSON.stringify(student));
    await slow.begun;
    form.kill('SIGTERM');
    await expect
      .poll(() =>
        fetch(form.url).then(
          () => 'open',
          () => 'closed',
        ),
      )
      .toBe('closed');
    sink.answer = (res) => res.writeHead(202).end();
    slow.finish();
    for (const release of held) release();
    expect((await Promise.all(inFlight)).map((answer) => answer.status)).toEqual(
      Array.from({ length: 20 }, () => 202),
    );
    expect(await slow.status).toBe(202);
    expect(await form.exited).toBe(0);
  });

  it('starts without a TTY, with nothing but its environment, and says all that is wrong with it at once', () => {
    const env = { FUNCTION_TARGET: 'student-data-form', K_SINK: 'nowhere', IDEMPOTENCY_SECRET: 'short' };
    const { status, stderr } = spawnSync(process.execPath, [...flags[kind], mains[kind]], {
      env,
      encoding: 'utf8',
    });
    expect(status).toBe(1);
    expect(stderr).toContain('K_SINK is wrong (not a URL); set it to');
    expect(stderr).toContain('SPREADSHEET_ID is missing; set it to the id of the Google spreadsheet');
    expect(stderr).toContain('IDEMPOTENCY_SECRET is wrong (shorter than 16 characters)');
  });

  it('names a target that it does not know', () => {
    const env = { FUNCTION_TARGET: 'no-such-form' };
    const { status, stderr } = spawnSync(process.execPath, [...flags[kind], mains[kind]], {
      env,
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining('FUNCTION_TARGET names no function: no-such-form'),
    ]);
  });
});

it.each([
  ['student-data-form', ['kafkajs']],
  ['demo-form', ['kafkajs']],
  ['demo-task', ['cloudevents']],
  ['detect-slang', ['cloudevents']],
  ['archive', ['cloudevents', 'pg']],
  ['sheets-buffer', ['cloudevents', 'ioredis']],
])('the bundle of %s loads of the clients %o alone, so that its cold start stays short', (name, expected) => {
  const clients = ['cloudevents', 'googleapis', 'ioredis', 'kafkajs', 'nodemailer', 'pg', 'prom-client'];
  const files = new Set([join(mains.bundle, '..', `${name}.mjs`)]);
  let code = '';
  // A Set also visits what is added on the way.
  for (const file of files) {
    const text = readFileSync(file, 'utf8');
    code += text;
    for (const [, path = ''] of text.matchAll(/^(?:import|\} from) ["'](\.[^"']+)["'];$/gm))
      files.add(join(file, '..', path));
  }
  expect(clients.filter((client) => code.includes(`// node_modules/${client}/`))).toEqual(expected);
});

function multipart(fields: Record<string, string>): FormData {
  const form = new FormData();
  for (const [key, value] of Object.entries(fields)) form.set(key, value);
  return form;
}

/** A POST whose body comes in two parts, the second when `finish` is called. */
function slowPost({ url }: FunctionProcess, body: string) {
  const half = Math.floor(body.length / 2);
  const headers = { 'content-type': 'application/json', 'content-length': body.length };
  const req = request(url, { method: 'POST', headers });
  const status = new Promise<number | undefined>((resolve, reject) => {
    req.on('response', (res) => resolve(res.resume().statusCode)).on('error', reject);
  });
  const begun = new Promise<void>((resolve) => {
    req.write(body.slice(0, half), () => resolve());
  });
  return { status, begun, finish: () => req.end(body.slice(half)) };
}
