import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { demoForm } from '../../forms/demo-form/demo-form.ts';
import { hasBrowser, openBrowser } from '../../testing/browser.ts';
import { formEnv, postJson, startSink, type Sink } from '../../testing/sink.ts';
import { serve, type Served } from '../serve/serve.ts';

let sink: Sink;
/** Another site, which has a page at any address. */
let school: string;
const schoolServer = createServer((_, res) =>
  res.writeHead(200, { 'content-type': 'text/html' }).end('<p>School'),
);
beforeAll(async () => {
  sink = await startSink();
  await once(schoolServer.listen(0, '127.0.0.1'), 'listening');
  const address = schoolServer.address();
  school = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
});
afterAll(async () => {
  schoolServer.close();
  schoolServer.closeAllConnections();
  await sink.close();
});
beforeEach(() => {
  sink.events = [];
  sink.answer = undefined;
});

const valid = { name: 'Asha', message: 'Hello' };

async function open(env: Record<string, string>): Promise<Served> {
  const limits = { maxBytes: 1_000, deadlineMs: 100 };
  const served = await serve(demoForm, { env: formEnv(sink, env), limits });
  onTestFinished(() => served.close());
  return served;
}

const answers: [number, (url: string, origin: string) => Promise<Response | string>][] = [
  [200, (url, origin) => fetch(url, { headers: { origin } })],
  [200, (url, origin) => fetch(`${url}/schema.json`, { headers: { origin } })],
  [204, (url, origin) => fetch(url, { method: 'OPTIONS', headers: { origin } })],
  [202, (url, origin) => postJson(url, valid, { origin })],
  [303, (url, origin) => postJson(url, valid, { origin, accept: 'text/html' })],
  [400, (url, origin) => postJson(url, '{', { origin })],
  [400, (url, origin) => fetch(`${url}/%`, { headers: { origin } })],
  [404, (url, origin) => fetch(`${url}/nothing`, { headers: { origin } })],
  [405, (url, origin) => fetch(url, { method: 'PUT', headers: { origin } })],
  [408, (url, origin) => slowly(url, origin)],
  [413, (url, origin) => postJson(url, 'x'.repeat(1_001), { origin })],
  [415, (url, origin) => postJson(url, valid, { origin, 'content-type': 'a/b' })],
  [422, (url, origin) => postJson(url, {}, { origin })],
  [422, (url, origin) => postJson(url, {}, { origin, accept: 'text/html' })],
  [
    503,
    (url, origin) => {
      sink.answer = (res) => res.writeHead(500).end();
      return postJson(url, valid, { origin });
    },
  ],
];

describe('a page of another site', () => {
  it.each(answers)(
    'may read an answer %i if its origin is allowed, and not otherwise',
    async (status, ask) => {
      const { url } = await open({ CORS_ORIGINS: `https://other.example, ${school},app://localhost` });
      for (const origin of [school, 'https://other.example', 'app://localhost']) {
        const headers = headersOf(await ask(url, origin), status);
        expect(headers.get('access-control-allow-origin')).toBe(origin);
        expect(headers.get('access-control-expose-headers')).toBe('Retry-After, Allow');
        expect(headers.get('vary')).toBe('Origin');
      }
      const headers = headersOf(await ask(url, 'https://stranger.example'), status);
      expect(headers.get('access-control-allow-origin')).toBeNull();
      expect(headers.get('vary')).toBe('Origin');
    },
  );

  it.each(answers)(
    'may read an answer %i from any origin when all are allowed, and from none when none is',
    async (status, ask) => {
      const all = headersOf(await ask((await open({ CORS_ORIGINS: '*' })).url, school), status);
      expect([all.get('access-control-allow-origin'), all.get('vary')]).toEqual(['*', null]);
      const none = headersOf(await ask((await open({})).url, school), status);
      expect([none.get('access-control-allow-origin'), none.get('vary')]).toEqual([null, null]);
    },
  );

  it('learns from the answer to its preflight what it may send', async () => {
    const { url } = await open({ CORS_ORIGINS: school });
    const { headers } = await fetch(url, { method: 'OPTIONS', headers: { origin: school } });
    expect(headers.get('access-control-allow-methods')).toBe('GET, HEAD, POST, OPTIONS');
    expect(headers.get('access-control-allow-headers')).toBe('content-type, idempotency-key, traceparent');
    expect(headers.get('access-control-max-age')).toBe('86400');
  });

  it('may read the answer to bytes that are not HTTP, if all origins are allowed', async () => {
    for (const [allowed, header] of [
      ['*', 'access-control-allow-origin: *'],
      [school, 'vary: Origin'],
    ] as const) {
      const { url } = await open({ CORS_ORIGINS: allowed });
      const answer = await raw(url, `GET / HTTP/1.1\r\nX: ${'x'.repeat(200_000)}\r\n\r\n`);
      expect(answer).toMatch(/^HTTP\/1.1 431 /);
      expect(answer).toContain(`\r\n${header}\r\n`);
    }
  });

  it('may send JSON as plain text, as a beacon does, if it may send at all', async () => {
    const headers = { 'content-type': 'text/plain;charset=UTF-8', origin: school };
    const { origin: _, ...withoutOrigin } = headers;
    const listed = await open({ CORS_ORIGINS: school });
    expect((await postJson(listed.url, valid, headers)).status).toBe(202);
    expect(sink.events.map(({ data }) => data)).toEqual([valid]);
    expect((await postJson(listed.url, 'name=a', headers)).status).toBe(400);
    const all = await open({ CORS_ORIGINS: '*' });
    expect((await postJson(all.url, valid, headers)).status).toBe(202);
    expect((await postJson(all.url, valid, withoutOrigin)).status).toBe(415);
    sink.events = [];
    expect(
      (await postJson(listed.url, valid, { ...headers, origin: 'https://stranger.example' })).status,
    ).toBe(415);
    expect((await postJson(listed.url, valid, withoutOrigin)).status).toBe(415);
    expect((await postJson((await open({})).url, valid, headers)).status).toBe(415);
    expect(sink.events).toEqual([]);
  });
});

it.each(['CORS_ORIGINS', 'FRAME_ANCESTORS'])(
  'origins in %s that are not as browsers send them are refused at the start',
  async (name) => {
    for (const odd of [
      'https://school.example/',
      'https://school.example/form',
      'https://School.example',
      'HTTPS://school.example',
      'https://school.example:443',
      'http://school.example:80',
      'https://*.school.example',
      'https://bücher.example',
      'https://a@school.example',
      'https://school.example?',
      'https://999.1.1.1',
      'school.example',
      'https://',
      'null',
      '"*"',
      "https://school.example; script-src 'unsafe-inline'",
    ])
      await expect(open({ [name]: `https://other.example,${odd}` }), odd).rejects.toThrow(
        `${name} is wrong (not`,
      );
    for (const good of [
      'https://school.example:8443',
      'http://[::1]:3000',
      'capacitor://localhost',
      ' * ',
      ',',
    ])
      await expect(open({ [name]: good }), good).resolves.toBeDefined();
  },
);

describe('a page of the form', () => {
  const policyOf = async (env: Record<string, string>, path: string) =>
    (await fetch((await open(env)).url + path, { headers: { accept: 'text/html' } })).headers.get(
      'content-security-policy',
    );

  it.each(['/', '/thanks', '/nothing', '/%'])(
    'at %s may be embedded by the named sites alone',
    async (path) => {
      expect(await policyOf({}, path)).toMatch(/^default-src 'none'; .*; frame-ancestors 'none'$/);
      expect(await policyOf({ FRAME_ANCESTORS: `${school},https://b.example` }, path)).toMatch(
        new RegExp(`; frame-ancestors ${school} https://b\\.example$`),
      );
      expect(await policyOf({ FRAME_ANCESTORS: '*' }, path)).toMatch(/; frame-ancestors \*$/);
    },
  );
});

describe.skipIf(!hasBrowser)('in Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  it('a form is shown in a frame of the sites that are named, and can be sent there', async () => {
    const page = await browser.newPage();
    for (const [env, shown] of [
      [{}, 0],
      [{ FRAME_ANCESTORS: school }, 1],
    ] as const) {
      const { url } = await open(env);
      await page.goto(school);
      await page.setContent(`<iframe src="${url}/"></iframe>`, { waitUntil: 'load' });
      const frame = page.frameLocator('iframe');
      expect(await frame.locator('form').count()).toBe(shown);
      if (shown === 0) continue;
      await frame.locator('#name').fill('Asha');
      await frame.locator('#message').fill('Hello');
      await frame.locator('button').click();
      await frame.getByText('Thank you').waitFor();
    }
    expect(sink.events.map(({ data }) => data)).toEqual([valid]);
    await page.close();
  });

  it("a site's own page sends beacons, and sees why it is refused and when to try again", async () => {
    const { url } = await open({ CORS_ORIGINS: school });
    const page = await browser.newPage();
    await page.goto(school);
    const send = (body: string) =>
      page.evaluate(
        async ([to, json]) => {
          const headers = { 'content-type': 'application/json' };
          const answer = await fetch(to, { method: 'POST', body: json, headers });
          return [answer.status, answer.headers.get('retry-after')];
        },
        [url, body] as const,
      );
    expect(await send('{')).toEqual([400, null]);
    expect(await send('x'.repeat(1_001))).toEqual([413, null]);
    sink.answer = (res) => res.writeHead(503).end();
    expect(await send(JSON.stringify(valid))).toEqual([503, '2']);
    sink.answer = undefined;
    await page.evaluate(([to, json]) => navigator.sendBeacon(to, json), [
      url,
      JSON.stringify(valid),
    ] as const);
    await expect.poll(() => sink.events.map(({ data }) => data)).toEqual([valid]);
    await page.close();
  });
});

/** A POST whose body does not come. */
function slowly(url: string, origin: string): Promise<string> {
  return raw(url, `POST / HTTP/1.1\r\nHost: x\r\nOrigin: ${origin}\r\nContent-Length: 9\r\n\r\n`);
}

function raw(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.on('data', (data) => (answer += data.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}

function headersOf(answer: Response | string, status: number): Headers {
  if (typeof answer !== 'string') {
    expect(answer.status).toBe(status);
    return answer.headers;
  }
  const [first, ...lines] = answer.split('\r\n\r\n', 1)[0]?.split('\r\n') ?? [];
  expect(first).toContain(` ${status} `);
  return new Headers(
    lines.map((line): [string, string] => [line.split(': ')[0] ?? '', line.split(': ')[1] ?? '']),
  );
}
