import * as fc from 'fast-check';
import { choice, decimal, email, form, phone, text } from 'formbus';
import { Agent, request } from 'node:http';
import * as v from 'valibot';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { demoForm } from '../../forms/demo-form/demo-form.ts';
import { formEnv, startSink, type Sink } from '../../testing/sink.ts';
import { serve, type Served } from '../serve/serve.ts';

const [requestCount, submissionCount] = inject('isNightly') ? [100_000, 10_000] : [10_000, 2_000];

const optional = { required: false };
const everyKind = form(
  'every-kind',
  v.object({
    name: text('Name', { max: 60 }),
    note: text('Note', { max: 60, lines: 3, ...optional }),
    mail: email('E-mail', optional),
    tel: phone('Telephone', optional),
    amount: decimal('Amount', { min: -1_000, max: 1_000_000, ...optional }),
    size: choice('Size', { options: { S: 'Small', L: 'Large' }, ...optional }),
    site: v.optional(v.pipe(v.string(), v.url()), ''),
  }),
);

let sink: Sink;
let served: Served;
let kinds: Served;
const agent = new Agent({ keepAlive: true, maxSockets: 50 });
beforeAll(async () => {
  sink = await startSink();
  served = await serve(demoForm, { env: formEnv(sink) });
  kinds = await serve(everyKind, { env: formEnv(sink) });
});
afterAll(async () => {
  agent.destroy();
  await served.close();
  await kinds.close();
  await sink.close();
});

interface Generated {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Uint8Array;
}

const anyText = fc.string({ unit: 'binary', maxLength: 40 });
const posted = fc.oneof(
  fc.record({ name: anyText, message: anyText }),
  fc.record(
    { name: fc.jsonValue(), message: fc.jsonValue(), _url: anyText, _token: anyText },
    { requiredKeys: [] },
  ),
  fc.jsonValue({ maxDepth: 12 }),
);
const json = posted.map((value) => Buffer.from(JSON.stringify(value)));
const urlencoded = fc
  .array(fc.tuple(fc.oneof(fc.constantFrom('name', 'message', '__proto__', '_url'), anyText), anyText))
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

function send(
  { method, path, headers, body }: Generated,
  to = served,
): Promise<{ status: number; type: string }> {
  return new Promise((resolve, reject) => {
    const url = new URL(to.url);
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

it(`answers ${requestCount} generated requests with a 2xx, 303 or 4xx, reports errors as problem details or a page, and publishes what it accepts and nothing else`, async () => {
  const seen = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(generated, { minLength: 100, maxLength: 100 }), async (requests) => {
      sink.events = [];
      const answers = await Promise.all(requests.map((one) => send(one)));
      for (const { status, type } of answers) {
        seen.set(status, (seen.get(status) ?? 0) + 1);
        expect(expected).toContain(status);
        if (status >= 400) expect(type).toMatch(/^(application\/problem\+json|text\/html; charset=utf-8)$/);
      }
      expect(sink.events).toHaveLength(
        answers.filter(({ status }) => status === 202 || status === 303).length,
      );
    }),
    { numRuns: requestCount / 100, endOnFailure: true },
  );
  // The generator must reach every answer, or the test would prove little.
  for (const status of [202, 303, 400, 404, 405, 415, 422]) expect(seen.get(status)).toBeGreaterThan(10);
}, 300_000);

/** Invisible characters that come along with pasted text, white space included. */
const unseen = fc.constantFrom(
  '\u200b',
  '\u200c',
  '\u200d',
  '\u200e',
  '\u202a',
  '\u202c',
  '\u2060',
  '\u2066',
  '\ufeff',
  '\u00ad',
  '\ufe0f',
  '\u3164',
  '\u2800',
  '\u115f',
  '\u180e',
  '\u00a0',
  '\u202f',
  '\u3000',
  '\u000b',
  '\u0085',
  '\u2028',
  ' ',
  '\t',
  '\r\n',
);
const word = fc.oneof(
  fc.constantFrom(
    'Asha',
    'Zoë',
    'क्\u200dष',
    'می\u200cخواهم',
    '李小龍',
    'Đặng',
    'İğdır',
    '👩\u200d👧',
    '❤\ufe0f',
    'สวัสดี',
  ),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
);
const language = fc.constantFrom(
  'en',
  'de',
  'de-CH',
  'fr',
  'en-IN',
  'hi-u-nu-deva',
  'ar-EG',
  'fa',
  'bn',
  'my-u-nu-mymr',
);
const number = fc
  .tuple(language, fc.double({ min: -2_000, max: 2_000_000, noNaN: true }), fc.integer({ min: 0, max: 4 }))
  .map(([name, value, maximumFractionDigits]) =>
    new Intl.NumberFormat(name, { maximumFractionDigits }).format(value),
  );
const digits = fc
  .tuple(language, fc.integer({ min: 1_000_000, max: 9_999_999_999 }))
  .map(([name, value]) => new Intl.NumberFormat(name, { useGrouping: false }).format(value));
const address = fc
  .tuple(
    fc.oneof(fc.constantFrom('asha', 'a.b', 'a..b', 'o’hara', 'ashä'), fc.string({ maxLength: 70 })),
    fc.constantFrom(
      'example.org',
      'bücher.example',
      'उदाहरण.परीक्षा',
      '例え。jp',
      'example',
      'a.b/c',
      '１.２',
    ),
  )
  .map(([local, domain]) => `${local}@${domain}`);

/** Typed text with invisible characters around it and in it. */
const pasted = (typed: fc.Arbitrary<string>) =>
  fc
    .tuple(fc.array(unseen, { maxLength: 2 }), typed, fc.array(unseen, { maxLength: 2 }), fc.nat())
    .map(([before, text, after, at]) => {
      const cut = at % (text.length + 1);
      const inside = at % 5 === 0 ? (after[0] ?? '') : '';
      return `${before.join('')}${text.slice(0, cut)}${inside}${text.slice(cut)}${after.join('')}`.toWellFormed();
    });
const nothing = fc.oneof(
  fc.constantFrom('', null, undefined),
  fc.array(unseen).map((all) => all.join('')),
);
const field = (typed: fc.Arbitrary<unknown>) => fc.oneof({ weight: 3, arbitrary: typed }, nothing);
const submission = fc.record({
  name: fc.oneof({ weight: 9, arbitrary: pasted(word.filter((text) => text !== '')) }, nothing),
  note: field(pasted(fc.array(word, { maxLength: 4 }).map((words) => words.join('\u0085')))),
  mail: field(pasted(address)),
  tel: field(fc.oneof(pasted(digits), fc.integer())),
  amount: field(fc.oneof(pasted(number), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean())),
  size: field(pasted(fc.constantFrom('S', 'L', 'M'))),
  site: field(pasted(fc.constantFrom('https://example.org', 'mailto:a@example.org', 'example'))),
  extra: fc.string(),
});
const encoded = fc.tuple(submission, fc.boolean()).map(([values, asJson]): Generated => {
  const texts = Object.entries(values).flatMap(([key, value]): [string, string][] =>
    typeof value === 'string' ? [[key, value]] : [],
  );
  const body = asJson ? JSON.stringify(values) : new URLSearchParams(texts).toString();
  const type = asJson ? 'application/json' : 'application/x-www-form-urlencoded';
  return { method: 'POST', path: '/', headers: { 'content-type': type }, body: Buffer.from(body) };
});

const seen = /[^\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\p{Z}\u2800]/u;
const Kept = v.strictObject({
  name: v.pipe(v.string(), v.regex(seen)),
  note: v.string(),
  mail: v.pipe(v.string(), v.regex(/^$|^[!-~]{1,64}@[\w.-]+\.[a-z][\w-]+$/i)),
  tel: v.pipe(
    v.string(),
    v.regex(/^$|^[-+ ()./\d]+$/),
    v.check((text) => /^(\D*\d){7,15}\D*$|^$/.test(text)),
  ),
  amount: v.pipe(
    v.string(),
    v.regex(/^$|^[+-]?\d+(\.\d+)?$/),
    v.check((text) => Number(text) >= -1_000 && Number(text) <= 1_000_000),
  ),
  size: v.picklist(['', 'S', 'L']),
  site: v.pipe(v.string(), v.regex(/^$|^[a-z]+:/)),
});

it(`keeps of ${submissionCount} submissions in many scripts and formats exactly the fields of the form, each empty or something to be seen, in plain form`, async () => {
  const statuses = new Map<number, number>();
  const filled = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(encoded, { minLength: 100, maxLength: 100 }), async (requests) => {
      sink.events = [];
      const answers = await Promise.all(requests.map((one) => send(one, kinds)));
      for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
      expect(sink.events).toHaveLength(answers.filter(({ status }) => status === 202).length);
      for (const { data } of sink.events) {
        const kept = v.parse(Kept, data);
        expect(Object.keys(kept)).toEqual(Object.keys(Kept.entries));
        for (const [key, text] of Object.entries(kept)) {
          expect(text).toBe(text.trim());
          expect(text).not.toMatch(key === 'note' ? /[^\P{Cc}\n\t]/u : /\p{Cc}/u);
          if (text !== '') {
            expect(text).toMatch(seen);
            filled.set(key, (filled.get(key) ?? 0) + 1);
          }
        }
      }
    }),
    { numRuns: submissionCount / 100, endOnFailure: true },
  );
  expect([...statuses.keys()].toSorted((a, b) => a - b)).toEqual([202, 422]);
  for (const key of Object.keys(Kept.entries)) expect(filled.get(key), key).toBeGreaterThan(10);
}, 300_000);
