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

type Ask = (headers: Record<string, string>) => Promise<Response>;
it.each<[number, string, Ask]>([
  [400, 'Bad Request', (headers) => postJson(demo.url, '{', headers)],
  [404, 'Not Found', (headers) => fetch(`${demo.url}/nothing`, { headers })],
  [405, 'Method Not Allowed', (headers) => fetch(demo.url, { method: 'PUT', headers })],
  [408, 'Request Timeout', (headers) => slowly(demo.url, headers)],
  [413, 'Content Too Large', (headers) => postJson(demo.url, 'x'.repeat(100_001), headers)],
  [
    415,
    'Unsupported Media Type',
    (headers) => postJson(demo.url, valid, { ...headers, 'content-type': 'a/b' }),
  ],
  [422, 'Unprocessable Content', (headers) => postJson(demo.url, {}, headers)],
])(
  'a problem %i is entitled “%s”, must not be stored, and is a page for a browser',
  async (status, title, ask) => {
    const answer = await ask({});
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([status, 'no-store']);
    expect(await bodyOf(answer)).toMatchObject({ type: 'about:blank', title, status });
    const page = await ask({ accept: 'application/xhtml+xml, text/html;q=0.9' });
    expect([page.status, page.headers.get('content-type')]).toEqual([status, 'text/html; charset=utf-8']);
    expect(await page.text()).toMatch(/^<!doctype html>/);
  },
);

it('headers that are too long are answered 431 as a problem, too', async () => {
  const answer = await fetch(demo.url, { headers: { x: 'x'.repeat(70_000) } });
  const problem = { type: 'about:blank', title: 'Request Header Fields Too Large', status: 431 };
  expect(await bodyOf(answer)).toMatchObject(problem);
});

it('GET /schema.json returns the JSON Schema, made from the same schema as everything else', async () => {
  const answer = await fetch(`${demo.url}/schema.json`);
  expect(answer.headers.get('content-type')).toBe('application/schema+json');
  expect(await answer.json()).toMatchObject({
    $id: expect.stringContaining('demo-form'),
    type: 'object',
    required: ['name', 'message'],
    properties: { name: { type: 'string', title: 'Your name', minLength: 1, maxLength: 100 } },
  });
});

it('HEAD is answered like GET, without the body', async () => {
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
function slowly(url: string, more: Record<string, string>): Promise<Response> {
  const body = new ReadableStream({ start: (stream) => stream.enqueue(Buffer.from('{')) });
  const headers = { 'content-type': 'application/json', ...more };
  const init: RequestInit & { duplex: 'half' } = { method: 'POST', headers, body, duplex: 'half' };
  return fetch(url, init);
}
