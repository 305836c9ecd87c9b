import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import * as v from 'valibot';
import { startFormbus, temporaryFolder } from '../../testing/formbus.ts';
import { openGateway } from './gateway.ts';
import type { GatewayParts } from './parts.ts';

interface Asked {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
}

/** The status, or 0 where what listens does not speak HTTP. A Host that is undefined is not sent. */
function ask(
  port: number,
  host: string | undefined,
  { method = 'GET', path = '/', headers = {} }: Asked = {},
  address = '127.0.0.1',
) {
  return new Promise<{ status: number; body: string }>((resolve, reject) => {
    const options = { host: address, port, method, path, setHost: false, agent: false };
    const outgoing = request({
      ...options,
      headers: { ...(host === undefined ? {} : { host }), ...headers },
    });
    outgoing.once('response', (answer) => {
      text(answer).then((body) => resolve({ status: answer.statusCode ?? 0, body }), reject);
    });
    outgoing.once('error', () => resolve({ status: 0, body: '' }));
    outgoing.end();
  });
}

async function gatewayAt(host: string) {
  const gateway = await openGateway({ port: 0, host });
  onTestFinished(() => gateway.close(0));
  const nothing: GatewayParts = {
    forms: ['demo'],
    services: { request: (_, __, res) => void res.end('a form'), status: () => [] },
    deadLetters: () => [],
    redrive: () => Promise.resolve(0),
    events: () => [],
    redeliver: () => undefined,
    connections: { redis: '', broker: '', services: '', sheets: null, kafka: null, data: '' },
    metrics: () => Promise.resolve(''),
    waiting: () => Promise.resolve({ rows: 0, next: null }),
    delivered: async () => {},
    schedules: { status: () => [], fire: () => undefined },
    sheets: undefined,
  };
  gateway.open(nothing);
  return Number(new URL(gateway.url).port);
}

const own = ['127.0.0.1', 'localhost', 'LocalHost', 'localhost.', '[::1]', '[0:0:0:0:0:0:0:1]'];
const strange = [
  'evil.example',
  'evil.example.',
  '127.0.0.1.evil.example',
  'localhost.evil.example',
  'evil.localhost',
  'evil.example@127.0.0.1',
  '127.0.0.1#evil.example',
  '127.0.0.1, evil.example',
  '192.0.2.1',
  '[::ffff:c000:201]',
  '[::1].evil.example',
  '::1',
  ' ',
];

test('the pages for this machine are shown under its own names only, whatever the port; forms under all', async () => {
  const port = await gatewayAt('127.0.0.1');
  for (const path of ['/', '/_/healthz', '/_/connections', '/_/services', '/nothing']) {
    const expected = path === '/nothing' ? 404 : 200;
    for (const name of own)
      for (const host of [name, `${name}:${port}`, `${name}:80`])
        expect([host, path, (await ask(port, host, { path })).status]).toEqual([host, path, expected]);
    for (const name of strange)
      for (const host of [name, `${name}:${port}`])
        expect([host, path, (await ask(port, host, { path })).status]).toEqual([
          host,
          path,
          expect.toBeOneOf([400, 421]),
        ]);
    expect((await ask(port, undefined, { path })).status).toBe(400);
  }
  for (const host of ['evil.example', 'forms.example.org:8080'])
    expect((await ask(port, host, { path: '/demo/' })).body).toBe('a form');
});

test('says where the page is to be opened in place of that, and repeats nothing of what it was asked', async () => {
  const { status, body } = await ask(await gatewayAt('127.0.0.1'), 'evil.example', { path: '/_/sheets/' });
  expect(status).toBe(421);
  expect(JSON.parse(body)).toMatchObject({ detail: expect.stringContaining('127.0.0.1, localhost, [::1]') });
  expect(body).not.toContain('evil');
});

test('the address of --host is one more name', async () => {
  const asPath = { path: '/_/healthz' };
  const second = await gatewayAt('127.0.0.2');
  for (const [host, status] of [
    ['127.0.0.2:1', 200],
    ['localhost', 200],
    ['127.0.0.3', 421],
  ] as const)
    expect([host, (await ask(second, host, asPath, '127.0.0.2')).status]).toEqual([host, status]);
  const everywhere = await gatewayAt('0.0.0.0');
  expect((await ask(everywhere, '0.0.0.0', asPath)).status).toBe(200);
  expect((await ask(everywhere, 'evil.example', asPath)).status).toBe(421);
});

test('a request without a Host is refused, as HTTP/1.0 may send it', async () => {
  const socket = connect({ port: await gatewayAt('127.0.0.1'), host: '127.0.0.1' });
  socket.end('GET /_/connections HTTP/1.0\r\n\r\n');
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 421 /);
});

/** TCP ports that a process listens on, whatever for. */
function portsOf(pid: number): number[] {
  const descriptors = readdirSync(`/proc/${pid}/fd`).map((name) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${name}`);
    } catch {
      return '';
    }
  });
  const listening = ['tcp', 'tcp6'].flatMap((file) => [
    ...readFileSync(`/proc/${pid}/net/${file}`, 'utf8').matchAll(
      /^ *\d+: [\dA-F]+:([\dA-F]{4}) [\dA-F]+:0{4} 0A (?:\S+ +){5}(\d+)/gm,
    ),
  ]);
  const own = listening.filter(([, , inode]) => descriptors.includes(`socket:[${inode}]`));
  return [...new Set(own.map(([, port = '']) => Number.parseInt(port, 16)))];
}

test.skipIf(process.platform !== 'linux')(
  'no port of npm start answers a strange host, or lets a page of another site change something',
  async () => {
    const data = await temporaryFolder();
    const formbus = await startFormbus(data.path);
    onTestFinished(async () => {
      await formbus.end('SIGTERM');
      await data.remove();
    });
    const Connections = v.object({ broker: v.string(), services: v.string(), sheets: v.string() });
    const known = v.parse(Connections, await (await fetch(`${formbus.url}/_/connections`)).json());
    const http = [formbus.url, ...Object.values(known)].map((url) => new URL(url));
    const ports = portsOf(formbus.pid);
    // All of them, that for dead letters, and that of the SMTP server, which hangs up on HTTP.
    expect(ports).toEqual(expect.arrayContaining(http.map(({ port }) => Number(port))));
    expect(ports).toHaveLength(http.length + 2);
    for (const { port, pathname: path } of http) {
      const own = `127.0.0.1:${port}`;
      expect((await ask(Number(port), own, { path })).status).toBeOneOf([200, 404, 405]);
      const origin = `http://${own}`;
      expect((await ask(Number(port), own, { path, method: 'POST', headers: { origin } })).status).not.toBe(
        403,
      );
    }
    for (const port of ports) {
      const path = http.find((url) => Number(url.port) === port)?.pathname ?? '/';
      for (const host of strange)
        for (const method of ['GET', 'POST', 'OPTIONS'])
          expect((await ask(port, host, { path, method })).status).toBeOneOf([421, 400, 0]);
      for (const origin of ['https://evil.example', 'null', `http://127.0.0.1:${port + 1}`])
        for (const method of ['POST', 'PUT', 'DELETE']) {
          const headers = { origin, 'content-type': 'text/plain' };
          expect((await ask(port, `127.0.0.1:${port}`, { path, method, headers })).status).toBeOneOf([
            403, 0,
          ]);
        }
    }
  },
);
