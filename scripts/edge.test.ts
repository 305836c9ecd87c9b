import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, request, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadManifests } from './local/manifests.ts';
import { howToInstall } from './local/packages.ts';
import { freePort } from './local/ports.ts';
import { tempFolder } from './local/testing.ts';

const root = join(import.meta.dirname, '..');
const config = readFileSync(join(root, 'knative/platform/edge/nginx.conf'), 'utf8');
const { services } = loadManifests(root);
const forms = services.filter(({ clusterLocal }) => !clusterLocal);
const tasks = services.filter(({ clusterLocal }) => clusterLocal);

const missing = howToInstall(['nginx']);
const skipped = missing !== undefined && process.env['CI'] !== 'true';
if (skipped) console.warn('The edge is not tried: nginx is missing.');

/** The outer door of Kourier: it has a route for each Service that is not cluster-local, and an empty 404 for the rest. */
const routes = forms.map(({ name }) => `${name}.formbus.formbus.internal`);

interface Seen {
  host: string;
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
}

/** The edge by the very configuration of the cluster; only addresses and folders are this machine's. */
async function startEdge({ answer = (res: ServerResponse) => void res.end() } = {}) {
  if (missing) throw new Error(missing);
  const seen: Seen[] = [];
  const kourier = await listen((req, res) => {
    const { host = '', ...headers } = req.headers;
    if (!routes.includes(host)) {
      res.writeHead(404).end();
      return;
    }
    seen.push({ host, method: req.method ?? '', url: req.url ?? '', headers });
    req.resume().on('end', () => answer(res));
  });
  const grafana = await listen((req, res) => void res.end(`grafana ${req.url}`));
  const dir = tempFolder();
  chmodSync(dir, 0o755);
  const port = await freePort();
  const local = [
    ['listen 8080;', `listen 127.0.0.1:${port};`],
    ['server kourier.kourier-system:80;', `server 127.0.0.1:${kourier};`],
    ['server grafana.monitoring:80;', `server 127.0.0.1:${grafana};`],
    [' /tmp/', ` ${dir}/`],
    ['/dev/stderr warn', 'stderr notice'],
  ].reduce((text, [from = '', to = '']) => {
    expect(text).toContain(from);
    return text.replaceAll(from, to);
  }, config);
  writeFileSync(join(dir, 'nginx.conf'), local);
  const args = ['-p', dir, '-e', 'stderr', '-c', join(dir, 'nginx.conf'), '-g', 'daemon off;'];
  const nginx = spawn('nginx', args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const exited = once(nginx, 'exit');
  onTestFinished(async () => {
    nginx.kill('SIGTERM');
    await exited;
  });
  const said: string[] = [];
  await new Promise<void>((resolve, reject) => {
    createInterface(nginx.stderr).on('line', (line) => {
      said.push(line);
      if (line.includes('start worker process ')) resolve();
    });
    nginx.once('exit', () => reject(new Error(said.join('\n'))));
  });
  return { url: `http://127.0.0.1:${port}`, port, seen };
}

async function listen(handle: Parameters<typeof createServer>[1]): Promise<number> {
  const server = createServer(handle).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

/** Unlike fetch it sends any Host and any path. */
async function send(
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string> } = {},
) {
  const req = request({ host: '127.0.0.1', port, path, ...options });
  req.end(options.method === 'POST' ? '{}' : undefined);
  const [res] = await once(req, 'response');
  res.resume();
  return Number(res.statusCode);
}

const json = { 'content-type': 'application/json' };
const post = (url: string, body = '{}', headers: Record<string, string> = {}) =>
  fetch(url, { method: 'POST', body, headers: { ...json, ...headers } });

describe.skipIf(skipped)('the edge', () => {
  it.each(forms.map(({ name }) => name))(
    'brings /%s/ to its Service, with the rest of the path',
    async (name) => {
      const { url, seen } = await startEdge();
      expect((await fetch(`${url}/${name}/`)).status).toBe(200);
      expect((await fetch(`${url}/${name}/schema.json?pretty=1`)).status).toBe(200);
      expect((await post(`${url}/${name}/`)).status).toBe(200);
      const host = `${name}.formbus.formbus.internal`;
      expect(seen).toMatchObject([
        { host, method: 'GET', url: '/' },
        { host, method: 'GET', url: '/schema.json?pretty=1' },
        { host, method: 'POST', url: '/' },
      ]);
      const moved = await fetch(`${url}/${name}?a=b`, { redirect: 'manual' });
      expect([moved.status, moved.headers.get('location')]).toEqual([308, `/${name}/?a=b`]);
    },
  );

  it('answers what is no form with 404, and in words where it can tell', async () => {
    const { url, port, seen } = await startEdge();
    for (const path of [
      '/',
      '/no-form/',
      '/demo-form.formbus/',
      '/Demo-Form/',
      '/_/events',
      '/demo-form/../',
      '//',
    ])
      expect([path, await send(port, path)]).toEqual([path, 404]);
    expect(await send(port, '/..%2fdemo-form/')).toBe(400);
    const answer = await fetch(`${url}/`);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await answer.json()).toMatchObject({ status: 404, title: 'Not Found' });
    expect(seen).toEqual([]);
  });

  it.each(tasks.map(({ name }) => name))(
    'lets no event reach %s from outside, however it is addressed',
    async (name) => {
      const { url, port, seen } = await startEdge();
      const event = {
        'ce-id': '1',
        'ce-type': 'form.submitted',
        'ce-source': '/forged',
        'ce-specversion': '1.0',
      };
      expect((await post(`${url}/${name}/`, '{}', event)).status).toBe(404);
      const inside = `${name}.formbus.svc.cluster.local`;
      const forged = {
        ...json,
        ...event,
        host: inside,
        'x-forwarded-host': inside,
        'k-original-host': inside,
      };
      expect(await send(port, `/${name}/`, { method: 'POST', headers: forged })).toBe(404);
      expect(await send(port, '/', { method: 'POST', headers: forged })).toBe(404);
      expect(await send(port, `http://${inside}/`, { method: 'POST', headers: forged })).toBe(404);
      expect(seen).toEqual([]);
      // A form's address gets the event no further either: it is a submission there.
      expect(await send(port, '/demo-form/', { method: 'POST', headers: forged })).toBe(200);
      expect(seen.map(({ host }) => host)).toEqual(['demo-form.formbus.formbus.internal']);
      const passed = Object.keys(seen[0]?.headers ?? {});
      expect(passed.filter((header) => /^(ce-|k-|x-|forwarded)/.test(header))).toEqual([]);
    },
  );

  it('passes on what forms read, and no other header', async () => {
    const { url, seen } = await startEdge();
    const read = {
      accept: 'text/html',
      'idempotency-key': 'one',
      origin: 'http://127.0.0.1',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'user-agent': 'test',
    };
    const dropped = { 'k-network-probe': 'queue', cookie: 'a=b', 'x-forwarded-for': '10.0.0.1' };
    await post(`${url}/demo-form/`, '{"a":1}', { ...read, ...dropped });
    expect(seen[0]?.headers).toEqual({ ...read, ...json, 'content-length': '7' });
  });

  it('takes 100,000 bytes and answers one more with 413, before a form is woken', async () => {
    const { url, seen } = await startEdge();
    expect((await post(`${url}/demo-form/`, 'x'.repeat(100_000))).status).toBe(200);
    const refused = await post(`${url}/demo-form/`, 'x'.repeat(100_001));
    expect([refused.status, refused.headers.get('content-type')]).toEqual([413, 'application/problem+json']);
    expect(await refused.json()).toMatchObject({ status: 413 });
    expect(seen).toHaveLength(1);
  });

  it('answers 429 with Retry-After to a client that submits faster than people do, and still shows it the page', async () => {
    const { url } = await startEdge();
    const statuses: number[] = [];
    let refused: Response | undefined;
    while (!refused) {
      const answers = await Promise.all(Array.from({ length: 60 }, () => post(`${url}/demo-form/`)));
      statuses.push(...answers.map(({ status }) => status));
      refused = answers.find(({ status }) => status === 429);
    }
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThan(100);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await refused.json()).toMatchObject({ status: 429 });
    expect((await fetch(`${url}/demo-form/`)).status).toBe(200);
  });

  it('answers 429 to a client that holds a hundred requests open', async () => {
    const held: ServerResponse[] = [];
    const { url } = await startEdge({ answer: (res) => void held.push(res) });
    const open = Array.from({ length: 100 }, () => fetch(`${url}/demo-form/`));
    await expect.poll(() => held.length).toBe(100);
    expect((await fetch(`${url}/demo-form/`)).status).toBe(429);
    for (const res of held) res.end();
    expect(new Set((await Promise.all(open)).map(({ status }) => status))).toEqual(new Set([200]));
  });

  it('sends nothing twice: a form that dies over a submission is a 502', async () => {
    const { url, seen } = await startEdge({ answer: (res) => void res.destroy() });
    expect((await post(`${url}/demo-form/`)).status).toBe(502);
    expect(seen).toHaveLength(1);
  });

  it('shows Grafana under /grafana/', async () => {
    const { url } = await startEdge();
    expect(await (await fetch(`${url}/grafana/d/formbus?x=1`)).text()).toBe('grafana /grafana/d/formbus?x=1');
    expect((await fetch(`${url}/grafana`, { redirect: 'manual' })).headers.get('location')).toBe('/grafana/');
  });
});

it('waits longer for a form than the form takes', () => {
  const waits = Number(/proxy_read_timeout (\d+)s;/.exec(config)?.[1]);
  expect(waits).toBeGreaterThan(Math.max(...forms.map(({ timeoutSeconds }) => timeoutSeconds)));
});
