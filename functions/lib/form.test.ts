import { connect } from 'node:net';
import * as v from 'valibot';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { demoForm } from '../forms/demo-form/demo-form.ts';
import { bodyOf, formEnv, postJson, startSink, type Sink } from '../testing/sink.ts';
import { text } from './fields.ts';
import { form } from './form.ts';
import { serve, type Served } from './serve.ts';

let sink: Sink;
let served: Served;
const valid = { name: 'Asha', message: 'Hello' };

beforeAll(async () => {
  sink = await startSink();
  served = await serve(demoForm, {
    env: formEnv(sink, { CORS_ORIGINS: 'https://school.example' }),
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
  it('is answered 202 with id, form and time once the sink has acknowledged, and is one CloudEvent', async () => {
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const answer = await postJson(served.url, { ...valid, extra: 'dropped' }, { traceparent });
    expect(answer.status).toBe(202);
    const body = await bodyOf(answer);
    expect(body).toEqual({
      id: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-7/),
      form: 'demo-form',
      receivedAt: expect.stringMatching(/Z$/),
    });
    expect(sink.events).toHaveLength(1);
    expect({ ...sink.events[0] }).toMatchObject({
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

  it('with a filled honeypot is answered like any other and kept as suspected', async () => {
    const answer = await postJson(served.url, { ...valid, _url: 'http://spam.example' });
    expect(answer.status).toBe(202);
    expect(sink.events[0]).toMatchObject({ type: 'form.suspected', data: valid });
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
    expect((await postJson(served.url, valid, { 'idempotency-key': 'k'.repeat(256) })).status).toBe(400);
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

it.each(['constructor', 'prototype', '2nd'])('a form can not have a field named %s', (name) => {
  const make = () => form('odd', v.object({ [name]: text('Odd', { max: 10 }) }));
  expect(make).toThrow(`rename ${name}`);
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
  const manyKeys = `{${Array.from({ length: 9_000 }, (_, i) => `"${i}":1`).join(',')}}`;
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
    ['nested deeply', json, nested(20), 400],
    ['nested very deeply', json, nested(40_000), 400],
    ['with __proto__', json, '{"name":"a","message":"b","__proto__":{"x":1}}', 400],
    ['with __proto__ inside', json, '{"name":"a","message":"b","x":{"__proto__":1}}', 400],
    ['with __proto__, urlencoded', form, 'name=a&message=b&__proto__=1', 400],
    ['with NUL', json, '{"name":"a\\u0000","message":"b"}', 400],
    ['with NUL, urlencoded', form, 'name=a%00&message=b', 400],
    ['with half a surrogate pair', json, '{"name":"\\ud800","message":"b"}', 400],
    ['with very many keys', json, manyKeys, 400],
    ['with very many keys, urlencoded', form, 'a&'.repeat(40_000), 400],
    ['too large', json, JSON.stringify({ name: 'a', message: 'b'.repeat(100_000) }), 413],
    ['in a bogus charset', 'application/json; charset=bogus', '{"name":"a","message":"b"}', 415],
    ['in another charset', 'application/json; charset=utf-16', '{"name":"a","message":"b"}', 415],
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

  /** Sends bytes as they are and gives all that comes back until the server closes. */
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
});

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

  it('CORS allows the configured origins and no others', async () => {
    const headers = (origin: string) => ({ origin, 'access-control-request-method': 'POST' });
    const own = await fetch(served.url, { method: 'OPTIONS', headers: headers('https://school.example') });
    expect(own.status).toBe(204);
    expect(own.headers.get('access-control-allow-origin')).toBe('https://school.example');
    const posted = await postJson(served.url, valid, { origin: 'https://school.example' });
    expect(posted.headers.get('access-control-allow-origin')).toBe('https://school.example');
    const other = await fetch(served.url, { method: 'OPTIONS', headers: headers('https://other.example') });
    expect(other.headers.get('access-control-allow-origin')).toBeNull();
  });
});
