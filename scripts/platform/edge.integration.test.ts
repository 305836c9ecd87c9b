import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, request, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished } from 'vitest';
import { loadManifests } from '../manifests/manifests.ts';
import { howToInstall } from '../runner/processes/packages.ts';
import { freePort } from '../runner/processes/ports.ts';
import { tempFolder } from '../runner/serving/testing.ts';

const root = join(import.meta.dirname, '../..');
const config = readFileSync(join(root, 'knative/platform/edge/nginx.conf'), 'utf8');
const start = readFileSync(join(root, 'knative/platform/edge/start.sh'), 'utf8');
const { services } = loadManifests(root);
const forms = services.filter(({ clusterLocal }) => !clusterLocal);
const tasks = services.filter(({ clusterLocal }) => clusterLocal);

const missing = howToInstall(['nginx']);
const skipped = missing !== undefined && process.env['CI'] !== 'true';
if (skipped) console.warn('The edge is not tested: nginx is missing.');

/** Kourier's external port has a route for each Service that is not cluster-local, and answers an empty 404 to the rest. */
const routes = forms.map(({ name }) => `${name}.formbus.formbus.internal`);

interface Seen {
  host: string;
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
}

/** The edge with the cluster's own configuration, except addresses and folders. */
async function startEdge({
  answer = (res: ServerResponse) => void res.end(),
  trusted = readFileSync(join(root, 'knative/platform/edge/trusted-proxies.conf'), 'utf8'),
} = {}) {
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
  const names = await startDns();
  const put = (file: string, text: string, changes: [from: string, to: string][]) =>
    writeFileSync(
      join(dir, file),
      changes.reduce((all, [from, to]) => {
        expect(all).toContain(from);
        return all.replaceAll(from, to);
      }, text),
    );
  put('nginx.conf', config, [
    ['listen 8080;', `listen 127.0.0.1:${port};`],
    ['server kourier.kourier-system:80;', `server 127.0.0.1:${kourier};`],
    ['http://$grafana:80', `http://$grafana:${grafana}`],
    [' /tmp/', ` ${dir}/`],
    ['/etc/edge/', `${dir}/`],
    ['/dev/stderr warn', 'stderr notice'],
  ]);
  put('trusted-proxies.conf', trusted, []);
  put(
    'resolv.conf',
    `search formbus.svc.cluster.local\nnameserver 127.0.0.1:${names.port}\noptions ndots:5\n`,
    [],
  );
  put('start.sh', start, [
    [' /tmp/', ` ${dir}/`],
    ['/etc/resolv.conf', join(dir, 'resolv.conf')],
    ['/etc/edge/', `${dir}/`],
    ['exec nginx', `exec nginx -p ${dir} -e stderr`],
  ]);
  const nginx = spawn('sh', [join(dir, 'start.sh')], { stdio: ['ignore', 'ignore', 'pipe'] });
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
  return { url: `http://127.0.0.1:${port}`, port, seen, names: names.known };
}

/** A name server that resolves the names in `known` to 127.0.0.1. */
async function startDns() {
  const known = new Set<string>();
  const socket = createSocket('udp4', (query, from) => {
    // https://www.rfc-editor.org/rfc/rfc1035#section-4.1: 12 bytes of header, then the question: labels, type, class.
    const end = query.indexOf(0, 12);
    const labels: string[] = [];
    for (let at = 12; at < end; at += 1 + query.readUInt8(at))
      labels.push(query.toString('latin1', at + 1, at + 1 + query.readUInt8(at)));
    const isKnown = known.has(labels.join('.'));
    const isIpv4 = query.readUInt16BE(end + 1) === 1;
    const head = Buffer.from(query.subarray(0, 12));
    head.writeUInt16BE(isKnown ? 0x8180 : 0x8183, 2);
    head.writeUInt16BE(isKnown && isIpv4 ? 1 : 0, 6);
    head.fill(0, 8);
    const address = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
    const answer = isKnown && isIpv4 ? [address] : [];
    socket.send(Buffer.concat([head, query.subarray(12, end + 5), ...answer]), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return { known, port: socket.address().port };
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

  it('answers 404 to a path that is not a form, with an explanation where the edge answers itself', async () => {
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

  it('puts no line feed of a path into a header, and passes the path on unchanged', async () => {
    const { port, seen } = await startEdge();
    for (const path of ['/demo-form%0a?x', '/demo-form%0d%0aa:b', '/%0ademo-form', '/demo-form%0a/'])
      expect([path, await send(port, path)]).toEqual([path, 404]);
    expect(await send(port, '/demo-form/a%0ab%0a?c')).toBe(200);
    expect(seen.map(({ url }) => url)).toEqual(['/a%0Ab%0A?c']);
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
      // Nor does the address of a form: there the event is a submission.
      expect(await send(port, '/demo-form/', { method: 'POST', headers: forged })).toBe(200);
      expect(seen.map(({ host }) => host)).toEqual(['demo-form.formbus.formbus.internal']);
      const passed = Object.keys(seen[0]?.headers ?? {});
      expect(passed.filter((header) => /^(ce-|k-|x-|forwarded)/.test(header))).toEqual([]);
    },
  );

  it('passes on only the headers that forms read', async () => {
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

  it('accepts 100,000 bytes and answers 413 to more, without waking a form', async () => {
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

  it('distinguishes clients behind trusted proxies, and ignores X-Forwarded-For of others', async () => {
    const flood = async ({ url }: { url: string }, client: string) => {
      const answers = Array.from({ length: 250 }, () =>
        post(`${url}/demo-form/`, '{}', { 'x-forwarded-for': `203.0.113.7, ${client}` }),
      );
      return new Set((await Promise.all(answers)).map(({ status }) => status));
    };
    const another = { 'x-forwarded-for': '198.51.100.2' };
    const trusting = await startEdge({ trusted: 'set_real_ip_from 127.0.0.0/8;' });
    expect(await flood(trusting, '198.51.100.1')).toEqual(new Set([200, 429]));
    expect((await post(`${trusting.url}/demo-form/`, '{}', another)).status).toBe(200);
    const alone = await startEdge();
    let refused = 0;
    while (refused === 0) {
      await flood(alone, '198.51.100.1');
      refused = (await post(`${alone.url}/demo-form/`, '{}', another)).status === 429 ? 1 : 0;
    }
    expect(refused).toBe(1);
  });

  it('allows every page to read its own answers, and leaves the headers of forms alone', async () => {
    const own = { 'access-control-allow-origin': 'https://example.org' };
    const { url, names } = await startEdge({
      answer: (res) => void res.writeHead(422, own).end(),
    });
    names.clear();
    const origin = { origin: 'https://example.org' };
    const told = async (answer: Promise<Response>) => {
      const { status, headers } = await answer;
      return [
        status,
        headers.get('access-control-allow-origin'),
        headers.get('access-control-expose-headers'),
      ];
    };
    expect(await told(post(`${url}/demo-form/`, '{}', origin))).toEqual([422, 'https://example.org', null]);
    expect(await told(post(`${url}/demo-form/`, 'x'.repeat(100_001), origin))).toEqual([
      413,
      '*',
      'Retry-After',
    ]);
    expect(await told(post(`${url}/`, '{}', origin))).toEqual([404, '*', 'Retry-After']);
    let busy: Awaited<ReturnType<typeof told>> | undefined;
    while (!busy) {
      const answers = await Promise.all(
        Array.from({ length: 60 }, () => told(post(`${url}/demo-form/`, '{}', origin))),
      );
      busy = answers.find(([status]) => status === 429);
    }
    expect(busy).toEqual([429, '*', 'Retry-After']);
    const dead = await startEdge({ answer: (res) => void res.destroy() });
    const answer = post(`${dead.url}/demo-form/`, '{}', origin);
    expect((await answer).headers.get('content-type')).toBe('application/problem+json');
    expect(await told(answer)).toEqual([502, '*', 'Retry-After']);
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

  it('sends nothing twice: when a form dies during a submission, the answer is 502', async () => {
    const { url, seen } = await startEdge({ answer: (res) => void res.destroy() });
    expect((await post(`${url}/demo-form/`)).status).toBe(502);
    expect(seen).toHaveLength(1);
  });

  it('serves Grafana under /grafana/ as soon as it runs, and forms without it', async () => {
    const { url, names } = await startEdge();
    expect((await post(`${url}/demo-form/`)).status).toBe(200);
    expect((await fetch(`${url}/grafana/`)).status).toBe(502);
    names.add('grafana.monitoring.svc.cluster.local');
    await expect.poll(async () => (await fetch(`${url}/grafana/`)).status).toBe(200);
    expect(await (await fetch(`${url}/grafana/d/formbus?x=1`)).text()).toBe('grafana /grafana/d/formbus?x=1');
    expect((await fetch(`${url}/grafana`, { redirect: 'manual' })).headers.get('location')).toBe('/grafana/');
    for (const path of [
      '/grafana/metrics',
      '/grafana//metrics',
      '/grafana/%6detrics?a',
      '/grafana/x/../metrics',
    ])
      expect([path, (await fetch(url + path)).status]).toEqual([path, 404]);
  });
});

it('waits longer for a form than the form may take', () => {
  const waits = Number(/proxy_read_timeout (\d+)s;/.exec(config)?.[1]);
  expect(waits).toBeGreaterThan(Math.max(...forms.map(({ timeoutSeconds }) => timeoutSeconds)));
});
