import { expect, it } from 'vitest';
import { bodyOf, postJson } from '../../testing/sink.ts';
import { sendRaw, useDemoForm, valid } from './testing.ts';

const demo = useDemoForm();

it('other methods are answered 405 with Allow', async () => {
  for (const method of ['PUT', 'DELETE', 'PATCH']) {
    const answer = await fetch(demo.url, { method });
    expect(answer.status).toBe(405);
    expect(answer.headers.get('allow')).toBe('GET, HEAD, POST, OPTIONS');
  }
  expect((await fetch(`${demo.url}/schema.json`, { method: 'POST' })).headers.get('allow')).toBe('GET, HEAD');
});

it('unknown and malformed addresses are answered 404 and 400 as problem+json', async () => {
  for (const [path, status] of [
    ['/nothing', 404],
    ['/%E0%A4%A', 400],
  ] as const) {
    const answer = await fetch(demo.url + path);
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
    const answer = await ask(demo.url);
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([status, 'no-store']);
    expect(await bodyOf(answer)).toMatchObject({ type: 'about:blank', title, status });
    const page = await postJson(demo.url, '{', { accept: 'application/xhtml+xml, text/html;q=0.9' });
    expect([page.status, page.headers.get('content-type')]).toEqual([400, 'text/html; charset=utf-8']);
  },
);

it('GET /schema.json is the JSON Schema, made from the same schema as everything else', async () => {
  const answer = await fetch(`${demo.url}/schema.json`);
  expect(answer.headers.get('content-type')).toBe('application/schema+json');
  expect(await answer.json()).toMatchObject({
    $id: expect.stringContaining('demo-form'),
    type: 'object',
    required: ['name', 'message'],
    properties: { name: { type: 'string', title: 'Your name', minLength: 1, maxLength: 100 } },
  });
});

it('HEAD is GET without its body', async () => {
  const answer = await fetch(demo.url, { method: 'HEAD' });
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
  const answer = await sendRaw(
    demo.url,
    `${target} HTTP/1.1\r\nHost: forms.example\r\nConnection: close\r\n\r\n`,
  );
  expect(answer).toContain(`HTTP/1.1 ${status}\r\n`);
  if (target.includes('schema.json') && status === '200 OK')
    expect(answer).toContain('application/schema+json');
});

/** A POST whose body does not come to an end. */
function slowly(url: string): Promise<Response> {
  const body = new ReadableStream({ start: (stream) => stream.enqueue(Buffer.from('{')) });
  const headers = { 'content-type': 'application/json' };
  const init: RequestInit & { duplex: 'half' } = { method: 'POST', headers, body, duplex: 'half' };
  return fetch(url, init);
}
