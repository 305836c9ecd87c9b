import { once } from 'node:events';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import * as fc from 'fast-check';
import * as v from 'valibot';
import { expect, it } from 'vitest';
import { postJson } from '../../testing/sink.ts';
import { sendRaw, useDemoForm, valid } from '../form/testing.ts';

const form = useDemoForm();

/** `POST /` is answered directly; the same address in absolute form goes through the framework's Express. */
const targets = ['/', 'http://localhost/'];
const json = JSON.stringify(valid);

/** A request to each of the targets, and to what follows them. */
function requestTo(
  target: string,
  { method = 'POST', version = '1.1', rest = '', headers, body }: Sent,
): string {
  const lines = [`${method} ${target}${rest} HTTP/${version}`, 'Host: localhost', ...headers];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

interface Sent {
  method?: string;
  version?: string;
  /** What follows the slash. */
  rest?: string;
  headers: string[];
  body: string;
}

/** The answer to a request in each form, and the data of the events; what differs each time is masked. */
async function answersTo(sent: Sent): Promise<unknown[]> {
  const answers: unknown[] = [];
  for (const target of targets) {
    form.sink.events = [];
    const text = await sendRaw(form.url, requestTo(target, sent));
    answers.push({ text: masked(text), events: form.sink.events.map(({ type, data }) => ({ type, data })) });
  }
  return answers;
}

function masked(text: string): string {
  return text
    .replaceAll(/[\da-f]{8}-[\da-f]{4}-[78][\da-f]{3}-[\da-f]{4}-[\da-f]{12}/g, 'ID')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/Date: .*GMT/g, 'DATE');
}

const close = 'Connection: close';
const isJson = 'Content-Type: application/json';
const length = `Content-Length: ${json.length}`;
const chunked = 'Transfer-Encoding: chunked';
const whole = { headers: [close, isJson, length], body: json };
const asChunks = `1\r\n{\r\n${(json.length - 1).toString(16)}\r\n${json.slice(1)}\r\n`;

it.each<[string, string, Sent]>([
  ['202', 'a submission', whole],
  ['202', 'one over HTTP/1.0', { ...whole, version: '1.0', headers: [isJson, length] }],
  ['202', 'one in chunks', { headers: [close, isJson, chunked], body: `${asChunks}0\r\n\r\n` }],
  ['202', 'one with trailers', { headers: [close, isJson, chunked], body: `${asChunks}0\r\nX-A: b\r\n\r\n` }],
  [
    '202',
    'one that names another method',
    { ...whole, headers: [...whole.headers, 'X-HTTP-Method: DELETE', 'X-HTTP-Method-Override: DELETE'] },
  ],
  [
    '100',
    'one that waits for 100 Continue',
    { ...whole, headers: [...whole.headers, 'Expect: 100-continue'] },
  ],
  [
    '417',
    'one that expects something else',
    { ...whole, headers: [...whole.headers, 'Expect: the-unexpected'] },
  ],
  ['303', 'one of a browser', { ...whole, headers: [...whole.headers, 'Accept: text/html'] }],
  ['202', 'one with a query', { ...whole, rest: '?a=b%20c' }],
  ['202', 'one with a query that cannot be decoded', { ...whole, rest: '?%' }],
  [
    '202',
    'two one after the other on one connection',
    { headers: [isJson, length], body: `${json}${requestTo('/', whole)}` },
  ],
  ['422', 'one without its fields', { headers: [close, isJson, 'Content-Length: 2'], body: '{}' }],
  ['400', 'a body that breaks off in JSON', { headers: [close, isJson, 'Content-Length: 1'], body: '{' }],
  ['415', 'no body', { headers: [close], body: '' }],
  ['415', 'a compressed body', { ...whole, headers: [...whole.headers, 'Content-Encoding: gzip'] }],
  ['413', 'a body that is too long', { ...whole, headers: [close, isJson, 'Content-Length: 100001'] }],
  ['408', 'a body that does not come', { headers: [close, isJson, length], body: '{' }],
  ['400', 'a length that is no number', { headers: [close, isJson, 'Content-Length: x'], body: json }],
  ['200', 'HEAD', { ...whole, method: 'HEAD' }],
  ['204', 'OPTIONS', { ...whole, method: 'OPTIONS' }],
  ['405', 'DELETE', { ...whole, method: 'DELETE' }],
  ['405', 'POST to the page of thanks', { ...whole, rest: 'thanks' }],
  ['405', 'POST to the schema', { ...whole, rest: 'schema.json' }],
  ['404', 'POST to another slash', { ...whole, rest: './/' }],
  ['400', 'POST to two slashes', { ...whole, rest: '/' }],
  ['400', 'POST to a bad escape', { ...whole, rest: '%E0%A4%A' }],
  ['404', 'POST to what the framework ignores', { ...whole, rest: 'robots.txt' }],
])('answers %s to %s, directly and through Express alike', async (status, _, sent) => {
  const [direct, through] = await answersTo(sent);
  expect(direct).toEqual(through);
  expect(direct).toMatchObject({ text: expect.stringContaining(`HTTP/1.1 ${status} `) });
});

it('answers any request directly and through Express alike', async () => {
  const headers = fc.subarray(
    [
      'Accept: text/html',
      'Cookie: a=b',
      'Origin: https://a.example',
      'Idempotency-Key: 1',
      'Expect: 100-continue',
      'Upgrade: websocket',
      'Transfer-Encoding: gzip',
      `traceparent: 00-${'0'.repeat(32)}-${'1'.repeat(16)}-01`,
      'X-Forwarded-For: 10.0.0.1, 10.0.0.2',
      'X-HTTP-Method-Override: PUT',
      'function-execution-id: é',
      'Content-Length: 1',
      'Host: another.example',
    ],
    { maxLength: 4 },
  );
  const body = fc.oneof(fc.constant(json), fc.constant('name=A&message=B'), fc.string({ maxLength: 30 }));
  const type = fc.constantFrom(
    isJson,
    'Content-Type: application/x-www-form-urlencoded',
    'Content-Type: x',
    'X: y',
  );
  const method = fc.constantFrom(
    'POST',
    'POST',
    'POST',
    'GET',
    'HEAD',
    'OPTIONS',
    'PUT',
    'PURGE',
    'post',
    '',
  );
  const sent = fc.record({
    method,
    version: fc.constantFrom('1.1', '1.1', '1.0', '1.2'),
    headers,
    type,
    body,
  });
  await fc.assert(
    fc.asyncProperty(sent, async ({ type, ...sent }) => {
      const framing = `Content-Length: ${Buffer.byteLength(sent.body)}`;
      const [direct, through] = await answersTo({
        ...sent,
        headers: [close, type, framing, ...sent.headers],
      });
      expect(direct).toEqual(through);
    }),
    { numRuns: 300 },
  );
});

it("is answered by the framework's own server, too, whose parsers have read the body", async () => {
  const server = getTestServer('demo-form').listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = v.parse(v.object({ port: v.number() }), server.address());
    const answer = await postJson(`http://127.0.0.1:${port}/`, valid);
    expect([answer.status, form.sink.events.map(({ data }) => data)]).toEqual([202, [valid]]);
  } finally {
    server.close();
  }
});
