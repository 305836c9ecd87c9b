import { once } from 'node:events';
import { request, type IncomingMessage, type ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test, vi } from 'vitest';
import { connectedWhileBusy } from '../../../functions/lib/serve/testing.ts';
import { hasBrowser, openBrowser } from '../../../functions/testing/browser.ts';
import { openGateway } from './gateway.ts';
import type { GatewayParts } from './parts.ts';
import { openServices } from '../serving/services.ts';
import { demoFunction, launcher, openGate, recordingLog, service } from '../serving/testing.ts';

const connections = {
  redis: 'redis://127.0.0.1:1',
  broker: '',
  services: '',
  data: '/data',
  sheets: null,
  kafka: null,
};

async function open(parts: Partial<GatewayParts> = {}) {
  const gate = await openGate();
  const gateway = await openGateway({ port: 0, host: '127.0.0.1' });
  const services = openServices({
    services: [service(), service({ name: 'inner', clusterLocal: true })],
    launch: launcher(demoFunction, { env: { GATE: gate.url } }),
    log: recordingLog(),
  });
  gateway.open({
    forms: ['demo'],
    services,
    deadLetters: () => [],
    redrive: () => Promise.resolve(0),
    events: () => [],
    redeliver: () => undefined,
    connections,
    metrics: () => Promise.resolve('up 1\n'),
    waiting: () => Promise.resolve({ rows: 0, next: null }),
    delivered: async () => {},
    schedules: { status: () => [], fire: () => undefined },
    sheets: undefined,
    ...parts,
  });
  onTestFinished(async () => {
    gate.open();
    await gateway.close(0);
    await services.close(500);
  });
  const get = (path: string, init?: RequestInit) =>
    fetch(gateway.url + path, { redirect: 'manual', ...init });
  return { gate, gateway, services, get, url: gateway.url, port: Number(new URL(gateway.url).port) };
}

const schedule = { name: 'flush', schedule: '* * * * *', timezone: undefined, next: null, last: null };

test('a form gets what follows its name, with the query, the method and the body', async () => {
  const { get } = await open();
  const echoed = await (await get('/demo/echo/a%2Fb?c=d', { method: 'PUT', body: 'hello' })).json();
  expect(echoed).toMatchObject({ url: '/echo/a%2Fb?c=d', method: 'PUT', body: 'hello' });
});

test("a form's address without the slash is redirected to the one with it, keeping the query", async () => {
  const { get } = await open();
  const answer = await get('/demo?a=1', { method: 'POST' });
  expect([answer.status, answer.headers.get('location')]).toEqual([308, '/demo/?a=1']);
});

test('a cluster-local Service is not found, and neither is what does not exist; the answer lists the forms', async () => {
  const { get, services } = await open();
  for (const path of ['/inner/', '/inner', '/nothing/', '/echo']) {
    const answer = await get(path);
    expect(answer.status).toBe(404);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await answer.json()).toMatchObject({ status: 404, forms: ['/demo/'] });
  }
  expect(services.status().every(({ coldStarts }) => coldStarts === 0)).toBe(true);
});

test('a browser gets a page that leads on for an address where nothing is', async () => {
  const { get } = await open();
  const headers = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
  for (const path of ['/nothing%3Cb%3E/', '/no<b>/', '/_/nothing', '/_']) {
    const answer = await get(path, { headers });
    expect([path, answer.status, answer.headers.get('content-type')]).toEqual([
      path,
      404,
      'text/html; charset=utf-8',
    ]);
    const page = await answer.text();
    expect(page).toContain('<a href="/">');
    expect(page).not.toContain('<b>');
  }
});

test('before it is opened everything is answered 503', async () => {
  const gateway = await openGateway({ port: 0, host: '127.0.0.1' });
  onTestFinished(() => gateway.close(0));
  const answer = await fetch(`${gateway.url}/_/healthz`);
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
});

test('the index page leads to forms, sheets and dead letters, and escapes names', async () => {
  const { get, url } = await open({ forms: ['demo', 'a<b'], sheets: () => true });
  const page = await (await get('/')).text();
  expect(page).toContain('<a href="/demo/">demo</a>');
  expect(page).toContain('a&#60;b');
  expect(page).toContain(`curl ${url}/demo/schema.json`);
  for (const address of ['/_/sheets/', '/_/dead-letters', '/_/services', '/_/schedules']) {
    expect(page).toContain(`href="${address}"`);
  }
});

test.skipIf(!hasBrowser)(
  'the index page is no wider than a phone, and dark where one is set so',
  async () => {
    const { url, services } = await open();
    const browser = await openBrowser();
    onTestFinished(() => browser.close());
    const page = await browser.newPage({ viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
    await page.goto(url);
    expect(services.status()).toHaveLength(await page.locator('td:first-child').count());
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(360);
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(22, 24, 28)');
  },
);

test('services, dead letters, schedules and health are JSON', async () => {
  const { get } = await open({ schedules: { status: () => [schedule], fire: () => undefined } });
  await (await get('/demo/')).text();
  expect(await (await get('/_/services')).json()).toMatchObject([
    { name: 'demo', instances: 1, starting: 0, inFlight: 0, queued: 0, coldStarts: 1 },
    { name: 'inner', instances: 0, coldStarts: 0, lastColdStartMs: null },
  ]);
  expect(await (await get('/_/dead-letters')).json()).toEqual([]);
  expect(await (await get('/_/schedules')).json()).toMatchObject([{ name: 'flush', schedule: '* * * * *' }]);
  expect(await (await get('/_/healthz')).json()).toEqual({ status: 'ok' });
  const refused = await get('/_/services', { method: 'DELETE' });
  expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  expect((await get('/_/nothing')).status).toBe(404);
});

test('a slash at the end of an address of the runner is not a mistake; a page, whose links it would bend, is redirected', async () => {
  const fire = () => Promise.resolve({ schedule: 'flush', id: '1', status: 204 });
  const pages = (_: unknown, res: ServerResponse, path: string) => Boolean(res.end(path));
  const { get } = await open({ schedules: { status: () => [schedule], fire }, sheets: pages, mails: pages });
  for (const path of [
    '/healthz/',
    '/metrics/',
    '/services/',
    '/dead-letters/',
    '/events/?after=1',
    '/schedules/',
  ])
    expect([path, (await get(`/_${path}`)).status]).toEqual([path, 200]);
  expect((await get('/_/schedules/flush/', { method: 'POST' })).status).toBe(200);
  for (const [path, led] of [
    ['/sheets/demo-form/?a', '/sheets/demo-form?a'],
    ['/mails/7//', '/mails/7'],
  ]) {
    const answer = await get(`/_${path}`);
    expect([answer.status, answer.headers.get('location')]).toEqual([308, `/_${led}`]);
  }
  expect(await (await get('/_/mails/')).text()).toBe('/');
  expect(await (await get('/_/sheets/')).text()).toBe('');
});

test("POST to a schedule fires it and returns the sink's answer", async () => {
  const fired = { schedule: 'flush', id: '1', status: 204 };
  const fire = (name: string) => {
    if (name === 'broken') return Promise.reject(new Error('nobody there'));
    return name === 'flush' ? Promise.resolve(fired) : undefined;
  };
  const broke = { ...schedule, name: 'broken' };
  const { get, url } = await open({ schedules: { status: () => [schedule, broke], fire } });
  const answer = await get('/_/schedules/flush', { method: 'POST', headers: { origin: url } });
  expect([answer.status, await answer.json()]).toEqual([200, fired]);

  const unknown = await get('/_/schedules/other', { method: 'POST' });
  expect([unknown.status, await unknown.json()]).toMatchObject([
    404,
    { detail: 'There is no schedule other; there are flush, broken.' },
  ]);
  const wrong = await get('/_/schedules/flush');
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
  const broken = await get('/_/schedules/broken', { method: 'POST' });
  expect([broken.status, await broken.json()]).toMatchObject([
    502,
    { detail: expect.stringContaining('nobody there') },
  ]);
});

test('a page of another site cannot fire a schedule', async () => {
  const fire = vi.fn<GatewayParts['schedules']['fire']>();
  const { get } = await open({ schedules: { status: () => [], fire } });
  for (const origin of ['https://evil.example', 'null']) {
    expect((await get('/_/schedules/flush', { method: 'POST', headers: { origin } })).status).toBe(403);
  }
  expect(fire).not.toHaveBeenCalled();
});

test('the sheets have their pages below /_/sheets/', async () => {
  const { get } = await open({
    sheets: ({ method }, res, path) => {
      if (method !== 'GET') return false;
      res.end(path);
      return true;
    },
  });
  expect(await (await get('/_/sheets/demo-form.csv?a')).text()).toBe('demo-form.csv');
  expect((await get('/_/sheets')).headers.get('location')).toBe('/_/sheets/');
  expect((await get('/_/sheets/', { method: 'POST' })).status).toBe(405);
});

test.runIf(process.platform === 'linux')(
  '1,000 clients may connect at once, however busy the runner is',
  async () => {
    const { port } = await open();
    expect(connectedWhileBusy(port, 1_000)).toBe(1_000);
  },
);

test('a connection is kept for as long as the edge of a cluster keeps it', async () => {
  const { get } = await open();
  expect((await get('/_/healthz')).headers.get('keep-alive')).toBe('timeout=75');
});

test('a taken port is an error that names --port', async () => {
  const { port } = await open();
  await expect(openGateway({ port, host: '127.0.0.1' })).rejects.toThrow(
    `port ${port} is in use; stop what uses it or choose another with --port`,
  );
});

test('forwarding headers are true whatever the client sent; headers for one connection do not pass', async () => {
  const { get, url } = await open();
  const headers = {
    'x-forwarded-for': '6.6.6.6',
    'x-forwarded-host': 'evil.example',
    'x-forwarded-proto': 'https',
    'x-forwarded-prefix': '/evil',
    'x-forwarded-user': 'root',
    forwarded: 'for=6.6.6.6',
    te: 'trailers',
    'x-own': 'yes',
  };
  const answer = await get('/demo/echo', { headers });
  const echoed: { headers: Record<string, string> } = await answer.json();
  const host = new URL(url).host;
  expect(echoed.headers).toMatchObject({
    host,
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': host,
    'x-forwarded-proto': 'http',
    'x-forwarded-prefix': '/demo',
    'x-own': 'yes',
  });
  for (const name of ['x-forwarded-user', 'forwarded', 'te']) expect(echoed.headers).not.toHaveProperty(name);
  expect(answer.headers.get('x-two')).toBe('a, b');
});

test('headers that Connection names do not pass', async () => {
  const { port } = await open();
  const outgoing = request({
    port,
    host: '127.0.0.1',
    path: '/demo/echo',
    headers: { connection: 'x-hop', 'x-hop': '1' },
  });
  outgoing.end();
  const [answer]: IncomingMessage[] = await once(outgoing, 'response');
  if (!answer) throw new Error('no answer');
  expect(JSON.parse(await text(answer)).headers).not.toHaveProperty('x-hop');
});

test('bodies stream in both directions, chunk by chunk', async () => {
  const { port } = await open();
  const outgoing = request({ port, host: '127.0.0.1', path: '/demo/slow-echo', method: 'POST' });
  outgoing.write('one');
  const [answer]: IncomingMessage[] = await once(outgoing, 'response');
  if (!answer) throw new Error('no answer');
  expect(String((await once(answer, 'data'))[0])).toBe('one');
  outgoing.end('two');
  expect(String((await once(answer, 'data'))[0])).toBe('two');
});

test('a refusal reaches a client that is still sending its body', async () => {
  const { port } = await open();
  await fetch(`http://127.0.0.1:${port}/demo/`);
  for (let round = 0; round < 20; round += 1) {
    const outgoing = request({ port, host: '127.0.0.1', path: '/demo/refuse', method: 'POST', agent: false });
    const answered = once(outgoing, 'response');
    const sending = setInterval(() => outgoing.write(Buffer.alloc(64 * 1024)), 1);
    const [answer]: IncomingMessage[] = await answered;
    clearInterval(sending);
    expect(answer?.statusCode).toBe(413);
    outgoing.on('error', () => {}).destroy();
  }
});

test('what a client sends after a refusal is taken, and its connection stays usable', async () => {
  const { port } = await open();
  const socket = connect({ port, host: '127.0.0.1' });
  onTestFinished(() => {
    socket.destroy();
  });
  let received = '';
  socket.on('data', (chunk) => (received += String(chunk)));
  socket.write('POST /demo/refuse HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 10\r\n\r\n12345');
  await vi.waitFor(() => expect(received).toContain('413 Payload Too Large'));
  socket.write('67890GET /_/healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
  await vi.waitFor(() => expect(received).toContain('"status": "ok"'));
});

test.each([
  ['http://forms.example/demo/echo?a=b', 'x', 200],
  ['HTTP://127.0.0.1/_/healthz', 'evil.example', 200],
  ['http://localhost', 'evil.example', 200],
  ['http://evil.example/_/healthz', '127.0.0.1', 421],
  ['ftp://127.0.0.1/_/healthz', '127.0.0.1', 400],
])('%s asks the host in it, whatever the header says (%s): %d', async (target, host, status) => {
  const { port } = await open();
  const socket = connect({ port, host: '127.0.0.1' });
  socket.write(`GET ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
  const answer = await text(socket);
  expect(Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1])).toBe(status);
  if (target.includes('echo')) expect(answer).toContain('"/echo?a=b"');
});

test('closing answers what is in flight and takes nothing new', async () => {
  const { get, gate, gateway, url } = await open();
  const held = get('/demo/hold');
  await vi.waitFor(() => expect(gate.count()).toBe(1));
  const closed = gateway.close(5_000);
  await vi.waitFor(() => expect(fetch(`${url}/_/healthz`)).rejects.toThrow('fetch failed'));
  gate.open();
  expect((await held).status).toBe(200);
  await closed;
});

test('a schedule that is fired by hand waits until what was submitted has reached its tasks', async () => {
  const order: string[] = [];
  const { get } = await open({
    delivered: async () => void order.push('delivered'),
    schedules: {
      status: () => [schedule],
      fire: async (name) => {
        order.push('fired');
        return { schedule: name, id: 'id-1', status: 204 };
      },
    },
  });
  expect((await get('/_/schedules/flush', { method: 'POST' })).status).toBe(200);
  expect(order).toEqual(['delivered', 'fired']);
});

test('the log is read page by page, and tools learn where Redis and the sheets are', async () => {
  const event = { seq: 8, attributes: { id: '1' }, triggers: ['task'], waiting: ['task'], dead: [] };
  const { get } = await open({ events: (after) => (after === 7 ? [event] : []) });
  expect(await (await get('/_/events?after=7')).json()).toEqual([event]);
  expect(await (await get('/_/events')).json()).toEqual([]);
  expect((await get('/_/events?after=x')).status).toBe(400);
  expect(await (await get('/_/connections')).json()).toEqual(connections);
});

test("events are delivered again to the Trigger that is named, and a page of another site can't ask for it", async () => {
  const asked: [string, number[]][] = [];
  const redeliver = (trigger: string, seqs: number[]) => {
    if (trigger !== 'task') return undefined;
    asked.push([trigger, seqs]);
    return Promise.resolve(seqs.length);
  };
  const { get } = await open({ redeliver });
  const post = async (body: unknown, headers: Record<string, string> = {}) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await get('/_/events/redeliver', { method: 'POST', body: text, headers });
    return [answer.status, await answer.json()];
  };
  expect(await post({ trigger: 'task', seqs: [7, 8] })).toEqual([200, { queued: 2 }]);
  expect(asked).toEqual([['task', [7, 8]]]);
  expect(await post({ trigger: 'other', seqs: [7] })).toMatchObject([
    404,
    { detail: 'There is no Trigger other.' },
  ]);
  for (const wrong of ['', '{', { seqs: [1] }, { trigger: 'task', seqs: ['1'] }, 'x'.repeat(1_000_001)])
    expect(await post(wrong)).toMatchObject([400, { detail: expect.stringContaining('body') }]);
  expect(await post({ trigger: 'task', seqs: [7] }, { origin: 'http://evil.example' })).toMatchObject([
    403,
    {},
  ]);
  expect((await get('/_/events/redeliver')).status).toBe(405);
  expect(asked).toHaveLength(1);
});

test('says that nothing was queued when the log could not be written', async () => {
  const { get } = await open({ redeliver: () => Promise.reject(new Error('the disk is full')) });
  const body = JSON.stringify({ trigger: 'task', seqs: [1] });
  const answer = await get('/_/events/redeliver', { method: 'POST', body });
  expect([answer.status, await answer.json()]).toMatchObject([
    500,
    { detail: 'Nothing was queued: the disk is full' },
  ]);
});
