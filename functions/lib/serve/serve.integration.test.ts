import { spawnSync } from 'node:child_process';
import { request } from 'node:http';
import { createServer, connect } from 'node:net';
import { join } from 'node:path';
import * as v from 'valibot';
import { expect, it, onTestFinished } from 'vitest';
import { EnvError } from '../runtime/env.ts';
import { HttpError, plainText, type HttpAnswer, type HttpRequest } from './http.ts';
import type { FunctionDefinition } from './definition.ts';
import { serve } from './serve.ts';
import { connectedWhileBusy } from './testing.ts';

const env = { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent' };

interface Reported {
  method: string;
  status: number;
  reason?: string | undefined;
  seconds: number;
}

/** A function that runs `handle` and keeps the answers that are reported to it. */
async function open(
  handle: (request: HttpRequest) => HttpAnswer | Promise<HttpAnswer>,
  more: Partial<FunctionDefinition> = {},
) {
  const reported: Reported[] = [];
  const state = { closed: 0 };
  const definition: FunctionDefinition = {
    name: 'any-function',
    env: {},
    limits: { maxBytes: 10, deadlineMs: 10_000 },
    start: () => ({
      handle,
      close: async () => {
        state.closed += 1;
      },
    }),
    answerError: ({ status, message }) => plainText(status, message, { 'x-error': 'yes' }),
    answered: (answer) => void reported.push(answer),
    ...more,
  };
  const served = await serve(definition, { env });
  onTestFinished(() => served.close());
  return { ...served, reported, state };
}

it('passes the request on, and reports each answer', async () => {
  let seen: HttpRequest | undefined;
  const { url, reported } = await open((given) => {
    seen = given;
    return { status: 201, headers: { 'x-a': 'b' }, body: 'Grüße', reason: 'new' };
  });
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const answer = await fetch(`${url}/a%20b?c=d&c=e`, {
    method: 'PUT',
    body: 'hello',
    headers: { 'x-c': 'd' },
  });
  expect([answer.status, await answer.text()]).toEqual([201, 'Grüße']);
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'x-a': 'b',
    'content-length': '7',
    connection: 'keep-alive',
    'keep-alive': 'timeout=620',
  });
  expect(seen).toMatchObject({ method: 'PUT', path: '/a%20b', body: Buffer.from('hello') });
  expect(seen?.query.getAll('c')).toEqual(['d', 'e']);
  expect(seen?.headers['x-c']).toBe('d');
  expect(reported).toEqual([{ method: 'PUT', status: 201, reason: 'new', seconds: expect.any(Number) }]);
  expect(reported[0]?.seconds).toBeGreaterThan(0);
  expect(reported[0]?.seconds).toBeLessThan(60);
});

it('an answer 204 has neither a body nor a content-length', async () => {
  const { url } = await open(() => ({ status: 204 }));
  const answer = await fetch(url);
  expect([answer.status, answer.headers.get('content-length')]).toEqual([204, null]);
});

it('answers an HttpError in the words of the function, and a bug with 500 and without its message', async () => {
  const errors = [new HttpError(409, 'Not now.', { reason: 'busy' }), new Error('a secret'), 'a text'];
  const { url, reported } = await open(() => {
    throw errors.shift();
  });
  for (const [status, text] of [
    [409, 'Not now.\n'],
    [500, 'Something went wrong here.\n'],
    [500, 'Something went wrong here.\n'],
  ]) {
    const answer = await fetch(url);
    expect([answer.status, await answer.text(), answer.headers.get('x-error')]).toEqual([
      status,
      text,
      'yes',
    ]);
  }
  expect(reported.map(({ status, reason }) => [status, reason])).toEqual([
    [409, 'busy'],
    [500, undefined],
    [500, undefined],
  ]);
});

it('logs an unexpected error with its stack, and no expected one', () => {
  const file = (name: string) => JSON.stringify(join(import.meta.dirname, name));
  const program = `const { serve } = await import(${file('serve.ts')}); const { HttpError } = await import(${file('http.ts')});
    const errors = [new HttpError(409, 'expected'), new Error('unexpected')];
    const definition = { name: 'any', env: {}, limits: { maxBytes: 1, deadlineMs: 1000 }, answerError: () => ({ status: 500 }),
      start: () => ({ handle() { throw errors.shift(); } }) };
    const { url, close } = await serve(definition); await fetch(url); await fetch(url); await close();`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
    env: { ...process.env, PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'info' },
  });
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => v.parse(v.looseObject({ msg: v.string() }), JSON.parse(line)));
  expect(lines.map(({ msg }) => msg)).toEqual(['ready', 'a request failed unexpectedly', 'closed']);
  expect(lines[1]).toMatchObject({
    level: 'error',
    err: { message: 'unexpected', stack: expect.any(String) },
  });
});

it('a body that is too large or broken off never reaches the function', async () => {
  let calls = 0;
  const { url, reported } = await open(() => {
    calls += 1;
    return { status: 200 };
  });
  expect((await fetch(url, { method: 'POST', body: '0123456789' })).status).toBe(200);
  expect((await fetch(url, { method: 'POST', body: '0123456789a' })).status).toBe(413);
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname, () => {
    socket.end('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n0');
    socket.destroySoon();
  });
  await expect
    .poll(() => reported.map(({ status, reason }) => [status, reason]))
    .toContainEqual([400, 'broken-off']);
  expect(calls).toBe(1);
});

it('answers bytes that are not HTTP in the words of the function, and closes the connection', async () => {
  const { url } = await open(() => ({ status: 200 }));
  const { hostname, port } = new URL(url);
  const answer = await new Promise<string>((resolve) => {
    let text = '';
    const socket = connect(Number(port), hostname, () => socket.write('nonsense\r\n\r\n'));
    socket.on('data', (data) => (text += data.toString())).on('close', () => resolve(text));
  });
  expect(answer).toBe(
    'HTTP/1.1 400 Bad Request\r\nx-error: yes\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 29\r\nconnection: close\r\n\r\nThis is not an HTTP request.\n',
  );
});

it('answers 408 to a client that does not finish its headers, and closes the connection', async () => {
  const definition: FunctionDefinition = {
    name: 'any',
    env: {},
    limits: { maxBytes: 1, deadlineMs: 10_000 },
    start: () => ({ handle: () => ({ status: 200 }) }),
    answerError: ({ status, message }) => plainText(status, message),
  };
  const { url, close } = await serve(definition, { env, headersMs: 30 });
  onTestFinished(close);
  const { hostname, port } = new URL(url);
  const answer = await new Promise<string>((resolve) => {
    let text = '';
    const socket = connect(Number(port), hostname, () => socket.write('GET / HTTP/1.1\r\nHost: x\r\nX-'));
    socket.on('data', (data) => (text += data.toString())).on('close', () => resolve(text));
  });
  expect(answer).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/);
  expect(answer).toContain('The headers were not complete in time.');
});

it('completes every answer as the function says, errors included', async () => {
  const { url } = await open(() => ({ status: 200 }), {
    start: () => ({
      handle: () => ({ status: 200, headers: { 'x-a': 'b' } }),
      complete: (answer, { headers }) => ({
        ...answer,
        headers: { ...answer.headers, 'x-for': String(headers.origin) },
      }),
    }),
  });
  const headers = { origin: 'https://a.example' };
  for (const [path, method, status] of [
    ['/', 'GET', 200],
    ['/%', 'GET', 400],
    ['/', 'POST', 413],
  ] as const) {
    const body = method === 'POST' ? { body: 'x'.repeat(11) } : {};
    const answer = await fetch(url + path, { method, headers, ...body });
    expect([answer.status, answer.headers.get('x-for')]).toEqual([status, 'https://a.example']);
  }
});

it('close() answers the requests in flight, closes their connections, then closes the function once', async () => {
  const held: (() => void)[] = [];
  const { url, close, state } = await open(
    () => new Promise((resolve) => held.push(() => resolve({ status: 200, body: 'done' }))),
  );
  const answered = new Promise<string[]>((resolve, reject) => {
    const req = request(url, { agent: false, headers: { connection: 'keep-alive' } }, (res) => {
      res.resume().on('end', () => resolve([String(res.statusCode), String(res.headers.connection)]));
    });
    req.on('error', reject).end();
  });
  await expect.poll(() => held.length).toBe(1);
  const closed = close();
  await expect(fetch(url)).rejects.toThrow('fetch failed');
  expect(state.closed).toBe(0);
  held[0]?.();
  expect(await answered).toEqual(['200', 'close']);
  await closed;
  expect(state.closed).toBe(1);
});

it('close() does not wait for a refused client that sends the rest of its body', async () => {
  const { url, close } = await open(() => ({ status: 200 }));
  const { hostname, port } = new URL(url);
  let answer = '';
  const socket = connect(Number(port), hostname, () =>
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n0'),
  );
  onTestFinished(() => void socket.destroy());
  socket.on('data', (data) => (answer += data.toString()));
  await expect.poll(() => answer).toContain('HTTP/1.1 413 ');
  let isClosed = false;
  const closed = close().then(() => (isClosed = true));
  socket.write('123456789a');
  await expect.poll(() => isClosed).toBe(true);
  await closed;
});

it('names the address where it cannot listen, and what to set', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => {
    other.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => void other.close());
  const port = v.parse(v.object({ port: v.number() }), other.address()).port;
  const definition = {
    name: 'any',
    env: {},
    limits: { maxBytes: 1, deadlineMs: 1 },
    answerError: () => ({ status: 500 }),
  };
  const start = () => ({ handle: () => ({ status: 200 }) });
  await expect(
    serve({ ...definition, start }, { env: { ...env, PORT: String(port) } }),
  ).rejects.toMatchObject({
    message: `Cannot listen on 127.0.0.1:${port} (EADDRINUSE); set PORT and HOST.`,
    cause: { code: 'EADDRINUSE' },
  });
  const { HOST: _, ...everywhere } = env;
  const served = await serve({ ...definition, start }, { env: everywhere });
  expect(served.url).toMatch(/^http:\/\/localhost:\d+$/);
  expect((await fetch(served.url)).status).toBe(200);
  await served.close();
});

it('names every wrong variable, and what to set it to', async () => {
  const wrong = { PORT: '65536', LOG_LEVEL: 'loud', METRICS_URL: 'https://m.example' };
  const definition: FunctionDefinition = {
    name: 'any',
    env: { WORD: v.pipe(v.string(), v.description('a word')) },
    limits: { maxBytes: 1, deadlineMs: 1 },
    start: () => ({ handle: () => ({ status: 200 }) }),
    answerError: () => ({ status: 500 }),
  };
  const start = (given: Record<string, string>) => serve(definition, { env: given });
  await expect(start(wrong)).rejects.toThrow(
    new EnvError(`The environment is not complete:
  PORT is wrong (more than 65535); set it to the port to listen on (0 to 65535, default 8080)
  LOG_LEVEL is wrong (no such level); set it to debug, info, warn, error or silent
  METRICS_URL is wrong (not an http URL); set it to the address of the function metrics (default: nothing is counted)
  WORD is missing; set it to a word`),
  );
  await expect(start({ WORD: 'a', METRICS_URL: 'metrics http://m.example' })).rejects.toThrow(
    'METRICS_URL is wrong (not a URL)',
  );
});

it.runIf(process.platform === 'linux')(
  '1,000 clients may connect at once, however busy the function is',
  async () => {
    const { url } = await open(() => plainText(200, ''));
    expect(connectedWhileBusy(Number(new URL(url).port), 1_000)).toBe(1_000);
  },
);
