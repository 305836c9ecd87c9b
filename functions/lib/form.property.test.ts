import * as fc from 'fast-check';
import { Agent, request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { demoForm } from '../forms/demo-form/demo-form.ts';
import { formEnv, startSink, type Sink } from '../testing/sink.ts';
import { serve, type Served } from './serve.ts';

let sink: Sink;
let served: Served;
const agent = new Agent({ keepAlive: true, maxSockets: 50 });
beforeAll(async () => {
  sink = await startSink();
  served = await serve(demoForm, { env: formEnv(sink) });
});
afterAll(async () => {
  agent.destroy();
  await served.close();
  await sink.close();
});

interface Generated {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Uint8Array;
}

const text = fc.string({ unit: 'binary', maxLength: 40 });
const fields = fc.oneof(
  fc.record({ name: text, message: text }),
  fc.record(
    { name: fc.jsonValue(), message: fc.jsonValue(), _url: text, _token: text },
    { requiredKeys: [] },
  ),
  fc.jsonValue({ maxDepth: 12 }),
);
const json = fields.map((value) => Buffer.from(JSON.stringify(value)));
const urlencoded = fc
  .array(fc.tuple(fc.oneof(fc.constantFrom('name', 'message', '__proto__', '_url'), text), text))
  .map((pairs) => Buffer.from(new URLSearchParams(pairs).toString()));
const bytes = fc.uint8Array({ maxLength: 300 });
/** A body of one kind, or the bytes of one with some of them changed. */
const body = fc.oneof(
  json,
  urlencoded,
  bytes,
  fc.tuple(json, fc.nat(), fc.nat(255)).map(([whole, at, byte]) => {
    const changed = Buffer.from(whole);
    if (changed.length > 0) changed[at % changed.length] = byte;
    return changed;
  }),
);
const contentType = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('application/json', 'application/x-www-form-urlencoded') },
  fc.constantFrom(
    'multipart/form-data; boundary=x',
    'text/plain',
    'application/json; charset=utf-16',
    '',
    ';',
    'a/b/c',
  ),
);
const headerValue = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)),
  maxLength: 300,
});
const generated: fc.Arbitrary<Generated> = fc.record({
  method: fc.oneof(
    { weight: 9, arbitrary: fc.constant('POST') },
    fc.constantFrom('PUT', 'DELETE', 'OPTIONS', 'PATCH'),
  ),
  path: fc.oneof(
    { weight: 9, arbitrary: fc.constant('/') },
    fc.webPath(),
    fc.constantFrom('/%', '//', '/?a=%', '/schema.json'),
  ),
  headers: fc.record(
    {
      'content-type': contentType,
      accept: fc.constantFrom('*/*', 'text/html', 'application/json'),
      'idempotency-key': headerValue,
      origin: headerValue,
      traceparent: headerValue,
      'content-encoding': fc.constantFrom('identity', 'gzip', 'br'),
      'x-anything': headerValue,
    },
    { requiredKeys: ['content-type'] },
  ),
  body,
});

function send({ method, path, headers, body }: Generated): Promise<{ status: number; type: string }> {
  return new Promise((resolve, reject) => {
    const url = new URL(served.url);
    const options = { host: url.hostname, port: url.port, method, path: path || '/', headers, agent };
    const req = request({ ...options, headers: { ...headers, 'content-length': body.length } }, (res) => {
      res
        .resume()
        .on('end', () => resolve({ status: res.statusCode ?? 0, type: res.headers['content-type'] ?? '' }));
    });
    req.on('error', reject).end(body);
  });
}

const expected = new Set([200, 202, 204, 303, 400, 404, 405, 413, 415, 422]);

it('answers 100,000 generated requests with a 2xx, 303 or 4xx, tells errors as problem details or a page, and publishes what it accepts and nothing else', async () => {
  const seen = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(generated, { minLength: 100, maxLength: 100 }), async (requests) => {
      sink.events = [];
      const answers = await Promise.all(requests.map(send));
      for (const { status, type } of answers) {
        seen.set(status, (seen.get(status) ?? 0) + 1);
        expect(expected).toContain(status);
        if (status >= 400) expect(type).toMatch(/^(application\/problem\+json|text\/html; charset=utf-8)$/);
      }
      expect(sink.events).toHaveLength(
        answers.filter(({ status }) => status === 202 || status === 303).length,
      );
    }),
    { numRuns: 1_000, endOnFailure: true },
  );
  // The generator reaches every answer; else the test would say little.
  for (const status of [202, 303, 400, 404, 405, 415, 422]) expect(seen.get(status)).toBeGreaterThan(100);
}, 300_000);
