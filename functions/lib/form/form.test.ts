import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import * as v from 'valibot';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { demoForm } from '../../forms/demo-form/demo-form.ts';
import { bodyOf, formEnv, postJson, startSink, type Sink } from '../../testing/sink.ts';
import { text } from '../fields/text.ts';
import { form } from './form.ts';
import { serve, type Served } from '../serve/serve.ts';

let sink: Sink;
let served: Served;
const valid = { name: 'Asha', message: 'Hello' };

beforeAll(async () => {
  sink = await startSink();
  served = await serve(demoForm, {
    env: formEnv(sink),
    limits: { maxBytes: 100_000, deadlineMs: 200 },
  });
});
afterAll(async () => {
  await served.close();
  await sink.close();
});
beforeEach(() => {
  sink.events = [];
  sink.answer = undefined;
});

describe('a submission', () => {
  it('is answered 202 with id, form and time, and is one CloudEvent with the fields of the form and no others', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const answer = await postJson(
      served.url,
      { ...valid, extra: 'dropped', _url: '', '@id': 'x' },
      { traceparent },
    );
    expect(answer.status).toBe(202);
    const body = await bodyOf(answer);
    expect(body).toEqual({
      id: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-7/),
      form: 'demo-form',
      receivedAt: expect.stringMatching(/Z$/),
    });
    expect(sink.events).toHaveLength(1);
    expect({ ...sink.events[0] }).toEqual({
      specversion: '1.0',
      type: 'form.submitted',
      source: '/forms/demo-form',
      id: body.id,
      time: body.receivedAt,
      datacontenttype: 'application/json',
      dataschema: expect.stringMatching(/^urn:formbus:form:demo-form:[\da-f]{8}$/),
      form: 'demo-form',
      sheet: 'spreadsheet-1/demo-form',
      partitionkey: body.id,
      traceparent,
      data: valid,
    });
  });

  it('is not answered before the sink has acknowledged', async () => {
    const held: (() => void)[] = [];
    sink.answer = (res) => held.push(() => res.writeHead(202).end());
    let status = 0;
    const answered = postJson(served.url, valid).then((answer) => (status = answer.status));
    await expect.poll(() => held.length).toBe(1);
    // An answer given too early would have overtaken this one.
    expect((await fetch(served.url)).status).toBe(200);
    expect(status).toBe(0);
    held[0]?.();
    expect(await answered).toBe(202);
  });

  it('may come urlencoded or as multipart', async () => {
    const urlencoded = await fetch(served.url, { method: 'POST', body: new URLSearchParams(valid) });
    const multipart = new FormData();
    for (const [key, value] of Object.entries(valid)) multipart.set(key, value);
    const second = await fetch(served.url, { method: 'POST', body: multipart });
    expect([urlencoded.status, second.status]).toEqual([202, 202]);
    expect(sink.events.map((event) => event.data)).toEqual([valid, valid]);
  });

  it('leads a browser to the thank-you page', async () => {
    const body = new URLSearchParams(valid);
    const headers = { accept: 'text/html,application/xhtml+xml' };
    const answer = await fetch(served.url, { method: 'POST', body, headers, redirect: 'manual' });
    expect(answer.status).toBe(303);
    const location = answer.headers.get('location') ?? '';
    expect(location).toBe(`./thanks?id=${sink.events[0]?.id}`);
    const page = await (await fetch(new URL(location, served.url))).text();
    expect(page).toContain('Thank you');
    expect(page).toContain(sink.events[0]?.id);
  });

  it('loses control characters and outer white space, and keeps lines where lines are asked for', async () => {
    await postJson(served.url, { name: ' A\u0007s\nha\u200d ', message: '\u0001one\r\ntwo\tthree ' });
    expect(sink.events[0]?.data).toEqual({ name: 'As ha\u200d', message: 'one\ntwo\tthree' });
  });

  it.each<unknown>([
    'http://spam.example',
    ['', 'http://spam.example'],
    [['http://spam.example']],
    { href: 'http://spam.example' },
    0,
    false,
  ])('with the honeypot filled with %j is answered like any other and kept as suspected', async (_url) => {
    const answer = await postJson(served.url, { ...valid, _url });
    expect(answer.status).toBe(202);
    expect(await bodyOf(answer)).toMatchObject({ form: 'demo-form' });
    expect(sink.events).toEqual([expect.objectContaining({ type: 'form.suspected', data: valid })]);
  });

  it('with the honeypot filled the second time that it comes is suspected, too', async () => {
    const body = new URLSearchParams([...Object.entries(valid), ['_url', ''], ['_url', 'spam']]);
    expect((await fetch(served.url, { method: 'POST', body })).status).toBe(202);
    expect(sink.events).toEqual([expect.objectContaining({ type: 'form.suspected', data: valid })]);
  });

  it.each<unknown>(['', null, [], ['', ''], undefined])(
    'with %j in the honeypot is a plain one',
    async (_url) => {
      await postJson(served.url, { ...valid, _url });
      expect(sink.events).toEqual([expect.objectContaining({ type: 'form.submitted', data: valid })]);
    },
  );

  it('as multipart may have a file input in which nothing was chosen', async () => {
    const part = (name: string, value: string, file = '') =>
      `--x\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n${value}\r\n`;
    const noFile = '; filename=""\r\nContent-Type: application/octet-stream';
    const body = `${part('photo', '', noFile)}${part('name', '', noFile)}${part('name', 'Asha')}${part('message', 'Hello')}--x--\r\n`;
    const headers = { 'content-type': 'multipart/form-data; boundary=x' };
    expect((await fetch(served.url, { method: 'POST', body, headers })).status).toBe(202);
    expect(sink.events.map(({ data }) => data)).toEqual([valid]);
  });

  it('is refused with every failing field when fields are missing or wrong', async () => {
    const answer = await postJson(served.url, { name: 'x'.repeat(101), message: ['a', 'b'] });
    expect(answer.status).toBe(422);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await answer.json()).toMatchObject({
      status: 422,
      title: 'Unprocessable Content',
      errors: [
        { path: 'name', message: 'Use at most 100 characters; there are 101.' },
        { path: 'message', message: 'Send this as a text.' },
      ],
    });
    expect((await bodyOf(await postJson(served.url, {})))['errors']).toHaveLength(2);
    expect(sink.events).toEqual([]);
  });
});

describe('an idempotency key', () => {
  const submit = async (key: string, fields: object = valid) =>
    (await bodyOf(await postJson(served.url, fields, { 'idempotency-key': key })))['id'];

  it('gives the same id to the same submission, whatever the order of its fields', async () => {
    const first = await submit('1');
    expect(await submit('1', { message: valid.message, name: valid.name })).toBe(first);
    expect(first).toMatch(/^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab]/);
    expect(first).not.toContain('1'.repeat(4));
  });

  it('gives other ids to another key and to another content', async () => {
    const ids = [
      await submit('1'),
      await submit('2'),
      await submit('1', { ...valid, name: 'Somebody else' }),
    ];
    expect(new Set(ids).size).toBe(3);
  });

  it('is carried by the page in a hidden field', async () => {
    const page = await (await fetch(served.url)).text();
    const token = /name="_token" value="([^"]+)"/.exec(page)?.[1] ?? '';
    expect(token).toMatch(/^[\da-f-]{36}$/);
    const ids: unknown[] = [];
    for (let i = 0; i < 2; i += 1)
      ids.push((await bodyOf(await postJson(served.url, { ...valid, _token: token })))['id']);
    expect(ids[0]).toBe(ids[1]);
  });

  it('of more than 255 characters is refused', async () => {
    const key = (length: number) => ({ 'idempotency-key': 'k'.repeat(length) });
    expect((await postJson(served.url, valid, key(255))).status).toBe(202);
    const refused = await postJson(served.url, valid, key(256));
    expect(refused.status).toBe(400);
    expect((await bodyOf(refused))['detail']).toBe('The idempotency key may have at most 255 characters.');
  });

  it('makes a different id with another secret, and in another form', async () => {
    const idOf = async (definition: typeof demoForm, secret: string) => {
      const form = await serve(definition, { env: formEnv(sink, { IDEMPOTENCY_SECRET: secret }) });
      const answer = await bodyOf(await postJson(form.url, valid, { 'idempotency-key': '1' }));
      await form.close();
      return answer['id'];
    };
    const other = form(
      'other-form',
      v.object({ name: text('A', { max: 9 }), message: text('B', { max: 9 }) }),
    );
    const ids = [await idOf(demoForm, 'the first secret'), await idOf(demoForm, 'another secret 2')];
    ids.push(await idOf(other, 'the first secret'));
    expect(new Set(ids).size).toBe(3);
    expect(await idOf(demoForm, 'the first secret')).toBe(ids[0]);
  });

  it('without a value, or a token that comes twice, is none', async () => {
    expect(await submit('')).toMatch(/^[\da-f]{8}-[\da-f]{4}-7/);
    const answer = await postJson(served.url, { ...valid, _token: ['a', 'b'] });
    expect((await bodyOf(answer))['id']).toMatch(/^[\da-f]{8}-[\da-f]{4}-7/);
  });

  it('of the header is taken before the token of the page', async () => {
    const first = await submit('1');
    expect(await submit('1', { ...valid, _token: 'a' })).toBe(first);
    expect(await submit('', { ...valid, _token: '1' })).toBe(first);
  });

  it('wants a secret of 16 characters or more', async () => {
    const start = (length: number) =>
      serve(demoForm, { env: formEnv(sink, { IDEMPOTENCY_SECRET: 's'.repeat(length) }) });
    await expect(start(15)).rejects.toThrow('IDEMPOTENCY_SECRET is wrong (shorter than 16 characters)');
    await (await start(16)).close();
  });
});

describe('when the sink does not acknowledge', () => {
  it.each([
    ['answers 503', (sunk: Sink) => (sunk.answer = (res) => res.writeHead(503).end())],
    ['answers 400', (sunk: Sink) => (sunk.answer = (res) => res.writeHead(400).end())],
    [
      'redirects',
      (sunk: Sink) => (sunk.answer = (res) => res.writeHead(302, { location: '/elsewhere' }).end()),
    ],
    ['breaks off', (sunk: Sink) => (sunk.answer = (res) => res.destroy())],
    ['never answers', (sunk: Sink) => (sunk.answer = () => {})],
  ])('the form answers 503 with Retry-After: the sink %s', async (_, misbehave) => {
    misbehave(sink);
    const answer = await postJson(served.url, valid);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('2');
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(sink.events).toEqual([]);
  });

  it('a person gets the page back with what was typed and the same token', async () => {
    sink.answer = (res) => res.writeHead(503).end();
    const body = new URLSearchParams({ ...valid, _token: 'token-1' });
    const answer = await fetch(served.url, { method: 'POST', body, headers: { accept: 'text/html' } });
    expect(answer.status).toBe(503);
    const page = await answer.text();
    expect(page).toContain('please send it again');
    expect(page).toContain('value="Asha"');
    expect(page).toContain('value="token-1"');
  });

  it('a sink that is not there gives 503, too', async () => {
    const gone = await startSink();
    await gone.close();
    const form = await serve(demoForm, { env: formEnv(gone) });
    expect((await postJson(form.url, valid)).status).toBe(503);
    await form.close();
  });
});

it('has no connection to the sink any more when it is closed', async () => {
  let open = 0;
  const server = createServer(
    { keepAliveTimeout: 0 },
    (req, res) => void req.resume().on('end', () => res.writeHead(202).end()),
  );
  server.on('connection', (socket) => {
    open += 1;
    socket.on('close', () => (open -= 1));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  const form = await serve(demoForm, { env: formEnv({ url: `http://127.0.0.1:${port}` }) });
  expect((await postJson(form.url, valid)).status).toBe(202);
  expect(open).toBe(1);
  await form.close();
  await expect.poll(() => open).toBe(0);
});

it('JSON that curl labels as urlencoded is refused with the header that is missing', async () => {
  const body = JSON.stringify(valid);
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await fetch(served.url, { method: 'POST', body: `\n${body}`, headers });
  expect(answer.status).toBe(415);
  expect(await bodyOf(answer)).toMatchObject({
    detail: expect.stringContaining("-H 'content-type: application/json'"),
  });
  const quoted = new URLSearchParams({ ...valid, message: body });
  expect((await fetch(served.url, { method: 'POST', body: quoted })).status).toBe(202);
});

describe('bad bodies are refused as problem+json, publish nothing and harm nothing', () => {
  const json = 'application/json';
  const form = 'application/x-www-form-urlencoded';
  const nested = (depth: number) => `{"name":"a","message":"b","x":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  const keys = (count: number) => {
    const others = Array.from({ length: count - 2 }, (_, i) => `"${i}":"1"`);
    return `{"name":"a","message":"b",${others.join(',')}}`;
  };
  const parts = ['name', 'message'].map(
    (name) => `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\nMüller\r\n`,
  );
  const latin1Multipart = new Uint8Array(Buffer.from(`${parts.join('')}--x--\r\n`, 'latin1'));
  it.each<[string, string, string | Uint8Array<ArrayBuffer>, number]>([
    ['no JSON', json, '{"name":', 400],
    ['empty', json, '', 400],
    ['an array', json, '[]', 400],
    ['a text', json, '"name"', 400],
    ['null', json, 'null', 400],
    ['invalid UTF-8', json, Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), 400],
    ['invalid UTF-8, percent-encoded', form, 'name=%FF&message=b', 400],
    ['invalid UTF-8, multipart', 'multipart/form-data; boundary=x', latin1Multipart, 400],
    ['nested deeply', json, nested(9), 400],
    ['nested very deeply', json, nested(40_000), 400],
    ['with __proto__', json, '{"name":"a","message":"b","__proto__":{"x":1}}', 400],
    ['with __proto__ inside', json, '{"name":"a","message":"b","x":{"__proto__":1}}', 400],
    ['with __proto__, urlencoded', form, 'name=a&message=b&__proto__=1', 400],
    ['with NUL', json, '{"name":"a\\u0000","message":"b"}', 400],
    ['with NUL in a name', json, '{"name":"a","message":"b","x\\u0000":"c"}', 400],
    ['with NUL, urlencoded', form, 'name=a%00&message=b', 400],
    ['with half a surrogate pair', json, '{"name":"\\ud800","message":"b"}', 400],
    ['with too many keys', json, keys(1_001), 400],
    ['with too many values', json, `{"x":[${Array.from({ length: 1_000 }, () => 1).join(',')}]}`, 400],
    ['with too many keys, urlencoded', form, 'a&'.repeat(1_001), 400],
    ['with very many keys, urlencoded', form, 'a&'.repeat(40_000), 400],
    ['too large', json, JSON.stringify({ name: 'a', message: 'b' }).padEnd(100_001), 413],
    ['in a bogus charset', 'application/json; charset=bogus', '{"name":"a","message":"b"}', 415],
    ['in another charset', 'application/json; charset=utf-16', '{"name":"a","message":"b"}', 415],
    [
      'in another charset, without a space',
      'application/json;charset=utf-16',
      '{"name":"a","message":"b"}',
      415,
    ],
    ['of another type', 'text/plain', 'name=a', 415],
    ['XML', 'application/xml', '<name/>', 415],
    ['no multipart', 'multipart/form-data; boundary=x', 'nonsense', 400],
    ['multipart without a boundary', 'multipart/form-data', '--x--', 400],
  ])('%s', async (_, contentType, body, status) => {
    const answer = await fetch(served.url, {
      method: 'POST',
      body,
      headers: { 'content-type': contentType },
    });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await answer.json()).toMatchObject({
      type: 'about:blank',
      status,
      detail: expect.stringMatching(/\.$/),
    });
    expect(sink.events).toEqual([]);
    expect((await postJson(served.url, valid)).status).toBe(202);
  });

  it.each<[string, string, string]>([
    ['nested as deep as may be', json, nested(8)],
    ['with as many keys as may be', json, keys(1_000)],
    ['with as many keys as may be, urlencoded', form, `name=a&message=b&${'a&'.repeat(997)}`],
    ['as large as may be', json, JSON.stringify({ name: 'a', message: 'b' }).padEnd(100_000)],
    ['labelled in capitals', 'Application/JSON; Charset="UTF-8"', '{"name":"a","message":"b"}'],
  ])('but not one %s', async (_, contentType, body) => {
    const headers = { 'content-type': contentType };
    expect((await fetch(served.url, { method: 'POST', body, headers })).status).toBe(202);
    expect(sink.events.map(({ data }) => data)).toEqual([{ name: 'a', message: 'b' }]);
  });

  it('a file', async () => {
    const body = new FormData();
    body.set('name', new Blob(['x']), 'x.txt');
    expect((await fetch(served.url, { method: 'POST', body })).status).toBe(415);
  });

  it('no content type', async () => {
    const answer = await raw(
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}',
    );
    expect(answer).toMatch(/^HTTP\/1.1 415 /);
  });

  it('compressed', async () => {
    expect((await postJson(served.url, valid, { 'content-encoding': 'gzip' })).status).toBe(415);
    expect((await postJson(served.url, valid, { 'content-encoding': 'Identity' })).status).toBe(202);
  });

  it('too large by its Content-Length, before it has come', async () => {
    const head =
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100001\r\n\r\n';
    expect(await raw(head)).toMatch(/^HTTP\/1.1 413 /);
  });

  it('too large without Content-Length', async () => {
    const chunk = `2000\r\n${'x'.repeat(0x2000)}\r\n`;
    const head =
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
    const answer = await raw(head + chunk.repeat(20));
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(answer).toContain('application/problem+json');
  });

  it('too large, to a client that goes on sending: the answer is never lost, and the connection stays usable', async () => {
    const body = Buffer.alloc(1_000_000, 'x');
    const headers = { 'content-type': 'application/json' };
    for (let n = 0; n < 300; n += 1) {
      expect((await fetch(served.url, { method: 'POST', headers, body })).status).toBe(413);
    }
    expect((await postJson(served.url, valid)).status).toBe(202);
  });

  it('what is no HTTP, or has very long headers', async () => {
    const nonsense = await raw('nonsense\r\n\r\n');
    expect(nonsense).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
    expect(nonsense).toContain('application/problem+json');
    expect(await raw(`GET / HTTP/1.1\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`)).toMatch(/^HTTP\/1.1 431 /);
  });

  it('slower than the deadline', async () => {
    const answer = await raw(
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"na',
    );
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
    expect(answer).toContain('application/problem+json');
  });
});

/** A POST whose body does not come to an end. */
function slowly(url: string): Promise<Response> {
  const body = new ReadableStream({ start: (stream) => stream.enqueue(Buffer.from('{')) });
  const headers = { 'content-type': 'application/json' };
  const init: RequestInit & { duplex: 'half' } = { method: 'POST', headers, body, duplex: 'half' };
  return fetch(url, init);
}

/** Sends bytes as they are and returns everything received until the server closes the connection. */
function raw(bytes: string): Promise<string> {
  const { hostname, port } = new URL(served.url);
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    socket.on('data', (data) => (answer += data.toString()));
    socket.on('error', reject);
    socket.on('close', () => resolve(answer));
  });
}

describe('other requests', () => {
  it('other methods are answered 405 with Allow', async () => {
    for (const method of ['PUT', 'DELETE', 'PATCH']) {
      const answer = await fetch(served.url, { method });
      expect(answer.status).toBe(405);
      expect(answer.headers.get('allow')).toBe('GET, HEAD, POST, OPTIONS');
    }
    expect((await fetch(`${served.url}/schema.json`, { method: 'POST' })).headers.get('allow')).toBe(
      'GET, HEAD',
    );
  });

  it('unknown and malformed addresses are answered 404 and 400 as problem+json', async () => {
    for (const [path, status] of [
      ['/nothing', 404],
      ['/%E0%A4%A', 400],
    ] as const) {
      const answer = await fetch(served.url + path);
      expect(answer.status).toBe(status);
      expect(answer.headers.get('content-type')).toBe('application/problem+json');
    }
  });

  it.each<[number, string, (url: string) => Promise<Response>]>([
    [400, 'Bad Request', (url) => postJson(url, '{')],
    [404, 'Not Found', (url) => fetch(`${url}/nothing`)],
    [405, 'Method Not Allowed', (url) => fetch(url, { method: 'PUT' })],
    [408, 'Request Timeout', (url) => slowly(url)],
    [413, 'Content Too Large', (url) => postJson(url, 'x'.repeat(100_001))],
    [415, 'Unsupported Media Type', (url) => postJson(url, valid, { 'content-type': 'a/b' })],
    [422, 'Unprocessable Content', (url) => postJson(url, {})],
    [431, 'Request Header Fields Too Large', (url) => fetch(url, { headers: { x: 'x'.repeat(70_000) } })],
  ])(
    'a problem %i is entitled “%s”, not to be kept, and a page for whoever takes one',
    async (status, title, ask) => {
      const answer = await ask(served.url);
      expect([answer.status, answer.headers.get('cache-control')]).toEqual([status, 'no-store']);
      expect(await bodyOf(answer)).toMatchObject({ type: 'about:blank', title, status });
      const page = await postJson(served.url, '{', { accept: 'application/xhtml+xml, text/html;q=0.9' });
      expect([page.status, page.headers.get('content-type')]).toEqual([400, 'text/html; charset=utf-8']);
    },
  );

  it('GET /schema.json is the JSON Schema, made from the same schema as everything else', async () => {
    const answer = await fetch(`${served.url}/schema.json`);
    expect(answer.headers.get('content-type')).toBe('application/schema+json');
    expect(await answer.json()).toMatchObject({
      $id: expect.stringContaining('demo-form'),
      type: 'object',
      required: ['name', 'message'],
      properties: { name: { type: 'string', title: 'Your name', minLength: 1, maxLength: 100 } },
    });
  });

  it('HEAD is GET without its body', async () => {
    const answer = await fetch(served.url, { method: 'HEAD' });
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe('');
  });

  it.each([
    ['GET http://forms.example/schema.json', '200 OK'],
    ['GET HTTP://forms.example:80/schema.json?a=1', '200 OK'],
    ['GET http://forms.example', '200 OK'],
    ['GET http://forms.example?a=1', '200 OK'],
    ['OPTIONS *', '204 No Content'],
    ['GET *', '400 Bad Request'],
    ['GET schema.json', '400 Bad Request'],
    ['GET //forms.example/', '400 Bad Request'],
    ['GET http://forms.example//x', '400 Bad Request'],
    ['GET ftp://forms.example/', '400 Bad Request'],
    ['GET http://forms.example/%E0', '400 Bad Request'],
  ])('%s is answered %s: a target may be the whole address', async (target, status) => {
    const answer = await raw(`${target} HTTP/1.1\r\nHost: forms.example\r\nConnection: close\r\n\r\n`);
    expect(answer).toContain(`HTTP/1.1 ${status}\r\n`);
    if (target.includes('schema.json') && status === '200 OK')
      expect(answer).toContain('application/schema+json');
  });
});
