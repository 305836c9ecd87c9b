import { describe, expect, it } from 'vitest';
import { bodyOf, postJson } from '../../../testing/sink.ts';
import { sendRaw, useDemoForm, valid } from '../testing.ts';

const demo = useDemoForm();

it('JSON that curl labels as urlencoded is refused with the header that is missing', async () => {
  const body = JSON.stringify(valid);
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await fetch(demo.url, { method: 'POST', body: `\n${body}`, headers });
  expect(answer.status).toBe(415);
  expect(await bodyOf(answer)).toMatchObject({
    detail: expect.stringContaining("-H 'content-type: application/json'"),
  });
  const quoted = new URLSearchParams({ ...valid, message: body });
  expect((await fetch(demo.url, { method: 'POST', body: quoted })).status).toBe(202);
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
    ['of a type that every object has', '__proto__', '{}', 415],
    ['no multipart', 'multipart/form-data; boundary=x', 'nonsense', 400],
    ['multipart without a boundary', 'multipart/form-data', '--x--', 400],
  ])('%s', async (_, contentType, body, status) => {
    const answer = await fetch(demo.url, {
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
    expect(demo.sink.events).toEqual([]);
    expect((await postJson(demo.url, valid)).status).toBe(202);
  });

  it.each<[string, string, string]>([
    ['nested as deep as may be', json, nested(8)],
    ['with as many keys as may be', json, keys(1_000)],
    ['with as many keys as may be, urlencoded', form, `name=a&message=b&${'a&'.repeat(997)}`],
    ['as large as may be', json, JSON.stringify({ name: 'a', message: 'b' }).padEnd(100_000)],
    ['labelled in capitals', 'Application/JSON; Charset="UTF-8"', '{"name":"a","message":"b"}'],
  ])('but not one %s', async (_, contentType, body) => {
    const headers = { 'content-type': contentType };
    expect((await fetch(demo.url, { method: 'POST', body, headers })).status).toBe(202);
    expect(demo.sink.events.map(({ data }) => data)).toEqual([{ name: 'a', message: 'b' }]);
  });

  it('a file', async () => {
    const body = new FormData();
    body.set('name', new Blob(['x']), 'x.txt');
    expect((await fetch(demo.url, { method: 'POST', body })).status).toBe(415);
  });

  it('no content type', async () => {
    const answer = await sendRaw(
      demo.url,
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}',
    );
    expect(answer).toMatch(/^HTTP\/1.1 415 /);
  });

  it('compressed', async () => {
    expect((await postJson(demo.url, valid, { 'content-encoding': 'gzip' })).status).toBe(415);
    expect((await postJson(demo.url, valid, { 'content-encoding': 'Identity' })).status).toBe(202);
  });

  it('too large by its Content-Length, before it has come', async () => {
    const head =
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100001\r\n\r\n';
    expect(await sendRaw(demo.url, head)).toMatch(/^HTTP\/1.1 413 /);
  });

  it('too large without Content-Length', async () => {
    const chunk = `2000\r\n${'x'.repeat(0x2000)}\r\n`;
    const head =
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
    const answer = await sendRaw(demo.url, head + chunk.repeat(20));
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(answer).toContain('application/problem+json');
  });

  it('too large, to a client that goes on sending: the answer is never lost, and the connection stays usable', async () => {
    const body = Buffer.alloc(1_000_000, 'x');
    const headers = { 'content-type': 'application/json' };
    for (let n = 0; n < 300; n += 1) {
      expect((await fetch(demo.url, { method: 'POST', headers, body })).status).toBe(413);
    }
    expect((await postJson(demo.url, valid)).status).toBe(202);
  });

  it('what is no HTTP, or has very long headers', async () => {
    const nonsense = await sendRaw(demo.url, 'nonsense\r\n\r\n');
    expect(nonsense).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
    expect(nonsense).toContain('application/problem+json');
    expect(await sendRaw(demo.url, `GET / HTTP/1.1\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 431 /,
    );
  });

  it('slower than the deadline', async () => {
    const answer = await sendRaw(
      demo.url,
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"na',
    );
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
    expect(answer).toContain('application/problem+json');
  });
});
