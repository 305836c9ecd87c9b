import { once } from 'node:events';
import { createServer } from 'node:http';
import { availableParallelism } from 'node:os';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { Service } from '../../manifests/types.ts';
import { openServices } from './services.ts';
import { demoFunction, isRunning, launcher, openGate, recordingLog, service } from './testing.ts';

/** One Service behind a bare server that proxies everything to it. */
async function run(
  settings: Partial<Service> = {},
  { code = demoFunction, launch }: { code?: string; launch?: ReturnType<typeof launcher> } = {},
) {
  const gate = await openGate();
  const log = recordingLog();
  const services = openServices({
    services: [service(settings)],
    launch: launch ?? launcher(code, { env: { GATE: gate.url }, log }),
    log,
  });
  const server = createServer((req, res) => services.request('demo', req, res, req.url ?? '/'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    gate.open();
    server.closeAllConnections();
    server.close();
    await services.close(500);
  });
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`;
  return {
    gate,
    log,
    services,
    url,
    get: (path = '/') => fetch(url + path),
    status: () => {
      const [status] = services.status();
      if (!status) throw new Error('no status');
      return status;
    },
  };
}

test('nothing runs until a request comes; then one instance is started and its cold start counted', async () => {
  const { get, status } = await run();
  expect(status()).toMatchObject({
    instances: 0,
    starting: 0,
    coldStarts: 0,
    lastColdStartMs: null,
    pids: [],
  });
  const answers = await Promise.all([get(), get(), get()]);
  const pids = await Promise.all(answers.map((answer) => answer.text()));
  expect(new Set(pids).size).toBe(1);
  expect(status()).toMatchObject({
    instances: 1,
    coldStarts: 1,
    inFlight: 0,
    queued: 0,
    pids: [Number(pids[0])],
  });
  expect(status().lastColdStartMs).toBeGreaterThan(0);
});

test('after a window without requests the last instance is stopped', async () => {
  const { get, status, log } = await run({ windowSeconds: 0.3 });
  const pid = Number(await (await get()).text());
  await vi.waitFor(() => expect(status().instances).toBe(0));
  await vi.waitFor(() => expect(isRunning(pid)).toBe(false));
  const stopped = () => log.lines.some((line) => line.startsWith('info demo: instance stopped'));
  await vi.waitFor(() => expect(stopped()).toBe(true));
  expect((await get()).status).toBe(200);
  expect(status().coldStarts).toBe(2);
});

test('requests within the window keep the instance', async () => {
  const { get, status } = await run({ windowSeconds: 0.5 });
  const until = performance.now() + 1_200;
  while (performance.now() < until) await (await get()).text();
  expect(status()).toMatchObject({ instances: 1, coldStarts: 1 });
});

test('a burst scales out to demand divided by target, and back', async () => {
  const { get, status, gate } = await run({ target: 2, windowSeconds: 0.3 });
  const burst = Array.from({ length: 7 }, () => get('/hold'));
  await vi.waitFor(() => expect(status()).toMatchObject({ instances: 4, wanted: 4, inFlight: 7 }), {
    timeout: 10_000,
  });
  await vi.waitFor(() => expect(gate.count()).toBe(7));
  gate.open();
  const answers = await Promise.all(burst);
  expect(answers.map(({ status }) => status)).toEqual(Array(7).fill(200));
  await vi.waitFor(() => expect(status()).toMatchObject({ instances: 0, wanted: 0, requests: 7, pids: [] }));
});

test('a burst does not start more instances at once than the machine has cores, or all would start slowly', async () => {
  const gate = await openGate();
  const real = launcher(demoFunction, { env: { GATE: gate.url } });
  let [starting, most] = [0, 0];
  const launch: ReturnType<typeof launcher> = async (...args) => {
    starting += 1;
    most = Math.max(most, starting);
    return real(...args).finally(() => (starting -= 1));
  };
  const { get, status } = await run({ target: 1, maxScale: 12 }, { launch });
  const burst = Array.from({ length: 40 }, () => get('/hold'));
  await vi.waitFor(() => expect(status()).toMatchObject({ instances: 12, inFlight: 40 }), {
    timeout: 20_000,
  });
  expect(most).toBeLessThanOrEqual(Math.max(2, availableParallelism()));
  gate.open();
  for (const answer of await Promise.all(burst)) expect(answer.status).toBe(200);
});

test('max-scale bounds a burst; the instances share it', async () => {
  const { get, status, gate } = await run({ target: 1, maxScale: 2 });
  const burst = Array.from({ length: 6 }, () => get('/hold'));
  await vi.waitFor(() => expect(gate.count()).toBe(6));
  expect(status()).toMatchObject({ instances: 2, starting: 0, inFlight: 6, coldStarts: 2 });
  gate.open();
  const pids = await Promise.all(burst.map(async (answer) => (await answer).text()));
  expect(pids).toHaveLength(6);
});

test('min-scale instances run without a request and stay', async () => {
  const { status, get } = await run({ minScale: 2, windowSeconds: 0.1 });
  await vi.waitFor(() => expect(status().instances).toBe(2));
  await get();
  await vi.waitFor(() => expect(status()).toMatchObject({ instances: 2, coldStarts: 2 }));
});

test('a min-scale instance that dies is replaced without a request', async () => {
  const { status } = await run({ minScale: 1 });
  await vi.waitFor(() => expect(status().instances).toBe(1));
  const [first = 0] = status().pids;
  process.kill(first, 'SIGKILL');
  await vi.waitFor(() => expect(status()).toMatchObject({ instances: 1, coldStarts: 2 }));
  expect(status().pids).not.toContain(first);
});

test('an instance never gets more requests at once than containerConcurrency', async () => {
  const { get, status, gate } = await run({ containerConcurrency: 2, maxScale: 1 });
  const burst = Array.from({ length: 5 }, () => get('/hold'));
  await vi.waitFor(() => expect(gate.count()).toBe(2));
  expect(status()).toMatchObject({ instances: 1, inFlight: 2, queued: 3 });
  gate.release(1);
  await vi.waitFor(() => expect(status()).toMatchObject({ inFlight: 2, queued: 2 }));
  gate.open();
  const answers = await Promise.all(burst);
  expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(200));
});

test('a scaled-in instance finishes what it has, gets nothing new, and ends', async () => {
  const { get, status, gate } = await run({ target: 1, windowSeconds: 0.3 });
  const held = [get('/hold'), get('/hold'), get('/hold')];
  await vi.waitFor(() => expect(gate.count()).toBe(3));
  gate.release(2);
  await vi.waitFor(() => expect(status()).toMatchObject({ instances: 1, inFlight: 1 }));
  expect(status().pids).toHaveLength(1);
  gate.open();
  const answers = await Promise.all(held);
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
});

test('an instance killed in the middle of a request causes a 503 for its client, and the next request works', async () => {
  const { get, status, gate, log } = await run();
  const held = get('/hold');
  await vi.waitFor(() => expect(gate.count()).toBe(1));
  const [pid = 0] = status().pids;
  process.kill(pid, 'SIGKILL');
  const answer = await held;
  expect(answer.status).toBe(503);
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await answer.json()).toMatchObject({ status: 503, title: 'Service Unavailable' });
  // The connection breaks before the runner hears of the process's end; until then another request may meet it.
  await vi.waitFor(() => expect(status().pids).not.toContain(pid));
  expect((await get()).status).toBe(200);
  expect(log.lines.some((line) => line.includes('instance was ended by SIGKILL'))).toBe(true);
});

test('an instance killed in the middle of its answer breaks the connection, not the answer', async () => {
  const { get, status } = await run();
  const answer = await get('/late');
  const [pid = 0] = status().pids;
  process.kill(pid, 'SIGKILL');
  await expect(answer.text()).rejects.toThrow('terminated');
  await vi.waitFor(() => expect(status().pids).not.toContain(pid));
  expect((await get()).status).toBe(200);
});

test('a start that fails is answered 503 with Retry-After, and the log names the reason', async () => {
  const { get, log, status } = await run(
    {},
    { code: `console.error('K_SINK is missing'); process.exit(1);` },
  );
  const answer = await get();
  expect(answer.status).toBe(503);
  expect(answer.headers.get('retry-after')).toBe('1');
  expect(await answer.json()).toMatchObject({ detail: "demo cannot be started; the runner's log says why." });
  expect(log.lines.join('\n')).toMatch(
    /error demo: instance did not start.*exited with code 1.*\nK_SINK is missing/,
  );
  expect(status()).toMatchObject({ instances: 0, queued: 0, coldStarts: 0 });
});

test('starts that keep failing are tried ever more seldom, and refused at once in between', async () => {
  let starts = 0;
  const launch = async () => {
    starts += 1;
    throw new Error('no');
  };
  const { get } = await run({}, { launch });
  let retryAfter = 0;
  while (retryAfter < 3) retryAfter = Number((await get()).headers.get('retry-after'));
  const before = starts;
  expect(before).toBeLessThan(9);
  await Promise.all([get(), get(), get()]);
  expect(starts).toBe(before);
});

test('a request that is not answered within timeoutSeconds gets 503, whether it waits at or for an instance', async () => {
  const { get, status } = await run({ timeoutSeconds: 1, containerConcurrency: 1, maxScale: 1 });
  const [held, waiting] = [get('/hold'), get('/hold')];
  for (const answer of [await held, await waiting]) {
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(await answer.json()).toMatchObject({ detail: 'demo did not answer within 1 s.' });
  }
  expect(status()).toMatchObject({ inFlight: 0, queued: 0 });
});

test('a client that goes away frees its place', async () => {
  const { url, status, gate } = await run();
  const abort = new AbortController();
  const held = fetch(`${url}/hold`, { signal: abort.signal }).catch(() => 'gone');
  await vi.waitFor(() => expect(gate.count()).toBe(1));
  abort.abort();
  expect(await held).toBe('gone');
  await vi.waitFor(() => expect(status().inFlight).toBe(0));
});

test('an event is delivered to a path of a Service and its answer comes back as it is', async () => {
  const { services } = await run();
  const headers = { 'ce-id': '1', 'content-type': 'application/json' };
  const answer = await services.send(
    { service: 'demo', path: '/echo?a=1' },
    { headers, body: Buffer.from('{"a":1}') },
    new AbortController().signal,
  );
  expect(answer).toMatchObject({
    status: 200,
    headers: { 'content-type': 'application/json', 'x-two': 'a, b' },
  });
  expect(JSON.parse(answer.body.toString())).toMatchObject({
    method: 'POST',
    url: '/echo?a=1',
    headers,
    body: '{"a":1}',
  });
});

test('a delivery rejects when the instance dies, when the start fails and when it is given up', async () => {
  const { services, status, gate } = await run();
  const send = (path: string, signal = new AbortController().signal) =>
    services.send({ service: 'demo', path }, { headers: {}, body: Buffer.alloc(0) }, signal);
  const held = send('/hold');
  await vi.waitFor(() => expect(gate.count()).toBe(1));
  process.kill(status().pids[0] ?? 0, 'SIGKILL');
  await expect(held).rejects.toThrow('the instance did not answer');

  const abort = new AbortController();
  const given = send('/hold', abort.signal);
  await vi.waitFor(() => expect(gate.count()).toBe(1));
  abort.abort(new Error('given up'));
  await expect(given).rejects.toThrow('given up');
  await vi.waitFor(() => expect(status().inFlight).toBe(0));

  const { services: broken } = await run({}, { code: 'process.exit(1)' });
  const refused = broken.send(
    { service: 'demo', path: '/' },
    { headers: {}, body: Buffer.alloc(0) },
    abort.signal,
  );
  await expect(refused).rejects.toThrow('given up');
  const failing = broken.send(
    { service: 'demo', path: '/' },
    { headers: {}, body: Buffer.alloc(0) },
    new AbortController().signal,
  );
  await expect(failing).rejects.toThrow("demo cannot be started; the runner's log says why.");
  await expect(
    services.send(
      { service: 'nobody', path: '/' },
      { headers: {}, body: Buffer.alloc(0) },
      new AbortController().signal,
    ),
  ).rejects.toThrow('there is no Service nobody');
});

test('a delivery that is not answered within timeoutSeconds comes back as 504', async () => {
  const { services } = await run({ timeoutSeconds: 1 });
  const answer = await services.send(
    { service: 'demo', path: '/hold' },
    { headers: {}, body: Buffer.alloc(0) },
    new AbortController().signal,
  );
  expect(answer.status).toBe(504);
});

test('an event is delivered to a URI outside', async () => {
  const { services } = await run();
  const server = createServer((req, res) => res.writeHead(202).end(req.headers['ce-id']));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const answer = await services.send(
    { uri: `http://127.0.0.1:${port}/` },
    { headers: { 'ce-id': '7' }, body: Buffer.alloc(0) },
    new AbortController().signal,
  );
  expect([answer.status, answer.body.toString()]).toEqual([202, '7']);
});

test('closing rejects queued requests, lets instances finish and leaves no process', async () => {
  const { services, get, gate, status } = await run({ containerConcurrency: 1, maxScale: 1 });
  const held = get('/hold');
  await vi.waitFor(() => expect(gate.count()).toBe(1));
  const waiting = get('/hold');
  await vi.waitFor(() => expect(status().queued).toBe(1));
  const { pids } = status();
  const closed = services.close(5_000);
  expect((await waiting).status).toBe(503);
  gate.open();
  expect((await held).status).toBe(200);
  await closed;
  expect(pids.map(isRunning)).toEqual([false]);
  expect((await get()).status).toBe(503);
});

test('a changed Service: what is under way ends at the old instance, what waits and what comes goes to the new one', async () => {
  const { gate, get, services, status } = await run({ maxScale: 1, containerConcurrency: 1 });
  const old = Number(await (await get()).text());
  const held = get('/hold');
  await vi.waitFor(() => expect(gate.count()).toBe(1));
  const waiting = get();
  await vi.waitFor(() => expect(status().queued).toBe(1));
  services.reconcile([service({ maxScale: 1 })], new Set(['demo']));
  const next = Number(await (await waiting).text());
  expect(next).not.toBe(old);
  expect(await (await get()).text()).toBe(String(next));
  expect(isRunning(old)).toBe(true);
  gate.open();
  expect([(await held).status, await (await held).text()]).toEqual([200, String(old)]);
  await vi.waitFor(() => expect(isRunning(old)).toBe(false));
  expect(status()).toMatchObject({ instances: 1, pids: [next] });
});

test('a Service that is not changed keeps its instance; one that is gone finishes what it has and refuses the rest', async () => {
  const { gate, get, services } = await run({ maxScale: 1, containerConcurrency: 1 });
  const pid = await (await get()).text();
  services.reconcile([service({ maxScale: 1, containerConcurrency: 1 })], new Set());
  expect(await (await get()).text()).toBe(pid);
  const held = get('/hold');
  await vi.waitFor(() => expect(gate.count()).toBe(1));
  const waiting = get();
  await vi.waitFor(() => expect(services.status()[0]?.queued).toBe(1));
  services.reconcile([], new Set());
  expect((await waiting).status).toBe(503);
  await expect(
    services.send(
      { service: 'demo', path: '/' },
      { headers: {}, body: Buffer.from('') },
      AbortSignal.timeout(5_000),
    ),
  ).rejects.toThrow('there is no Service demo');
  gate.open();
  expect(await (await held).text()).toBe(pid);
  await vi.waitFor(() => expect(isRunning(Number(pid))).toBe(false));
});

test('closing ends instances that are being drained, too', async () => {
  const { gate, get, services } = await run();
  const pid = Number(await (await get()).text());
  const held = get('/hold');
  await vi.waitFor(() => expect(gate.count()).toBe(1));
  services.reconcile([], new Set());
  await services.close(100);
  expect(isRunning(pid)).toBe(false);
  expect((await held).status).toBe(503);
});
