import * as fc from 'fast-check';
import { choice, decimal, email, form, phone, text } from 'formbus';
import * as v from 'valibot';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { formEnv, postJson, startSink, type Sink } from '../../testing/sink.ts';
import type { Field } from './field.ts';
import { serve, type Served } from '../serve/serve.ts';

const fields = {
  line: text('Line', { max: 20 }),
  lines: text('Lines', { max: 20, lines: 3 }),
  mail: email('E-mail'),
  tel: phone('Telephone'),
  share: decimal('Share', { min: -1, max: 0.5 }),
  grade: decimal('Grade', { min: 0, max: 10 }),
  amount: decimal('Amount', { min: -5_000, max: 100_000_000 }),
  minutes: choice('Minutes', {
    options: [
      ['30', 'Half an hour'],
      ['10', 'Ten minutes'],
      ['other', 'Something else'],
    ],
  }),
};
type Key = keyof typeof fields;
/** One form for each field, so that a refusal concerns that field. */
const forms = Object.entries(fields).map(([key, field]): [string, ReturnType<typeof form>] => [
  key,
  form(`form-${key}`, v.object({ [key]: field })),
]);

let sink: Sink;
const served = new Map<string, Served>();
beforeAll(async () => {
  sink = await startSink();
  for (const [key, one] of forms) served.set(key, await serve(one, { env: formEnv(sink) }));
});
afterAll(async () => {
  await Promise.all([...served.values()].map((one) => one.close()));
  await sink.close();
});
beforeEach(() => {
  sink.events = [];
});

/** What is kept of a field, or the message. JSON may be given as a text. */
async function send(key: Key, value: unknown): Promise<unknown> {
  const body = value instanceof Uint8Array ? value.toString() : { [key]: value };
  const answer = await postJson(served.get(key)?.url ?? '', body);
  if (answer.status === 202) return Object.entries(Object(sink.events.pop()?.data)).flat();
  expect(answer.status).toBe(422);
  return v.parse(v.object({ errors: v.tuple([v.object({ message: v.string() })]) }), await answer.json())
    .errors[0].message;
}

it.each<[Key, string, string]>([
  ['line', ' Asha\tRao ', 'Asha Rao'],
  ['line', 'one\u000btwo\u0085three', 'one two three'],
  ['line', 'a\u2028b\u2029c\fd\u001ee', 'a b c d e'],
  ['lines', 'one\u000btwo\u0085three', 'one\ntwo\nthree'],
  ['lines', 'a\u2028b\u2029c\fd\u001fe\r\rf', 'a\nb\nc\nd\te\n\nf'],
  ['lines', 'a\u0007b', 'ab'],
  ['line', '\u202a99999\u202c', '99999'],
  ['line', '\u200basha\u2060', 'asha'],
  ['line', 'क्\u200dष', 'क्\u200dष'],
  ['line', 'می\u200cخواهم', 'می\u200cخواهم'],
  ['line', '\u200fمرحبا', 'مرحبا'],
  ['line', '👩\u200d👩\u200d👧 ❤\ufe0f', '👩\u200d👩\u200d👧 ❤\ufe0f'],
  [
    'line',
    '🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
    '🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
  ],
  ['line', 'สวัสดี\u200bครับ', 'สวัสดี\u200bครับ'],
  ['line', 'x'.repeat(20), 'x'.repeat(20)],
  ['mail', 'asha@example.org\u200b', 'asha@example.org'],
  ['mail', ' \u202aasha@example.org\u202c\n', 'asha@example.org'],
  ['mail', 'asha\u2011rao@example.org', 'asha-rao@example.org'],
  ['mail', 'asha＠example．org', 'asha@example.org'],
  ['mail', 'asha@bücher.example', 'asha@xn--bcher-kva.example'],
  ['mail', 'asha@BÜCHER.example', 'asha@xn--bcher-kva.example'],
  ['mail', 'asha@उदाहरण.परीक्षा', 'asha@xn--p1b6ci4b4b3a.xn--11b5bs3a9aj6g'],
  ['mail', 'asha@例え。テスト', 'asha@xn--r8jz45g.xn--zckzah'],
  ['mail', 'a.b.c@example.org', 'a.b.c@example.org'],
  ['mail', `${'l'.repeat(64)}@example.org`, `${'l'.repeat(64)}@example.org`],
  ['mail', `ll@${`${'d'.repeat(61)}.`.repeat(4)}org`, `ll@${`${'d'.repeat(61)}.`.repeat(4)}org`],
  ['tel', '\u202a+49 30 123456\u202c', '+49 30 123456'],
  ['tel', '+1\u2011555\u2011123', '+1-555-123'],
  ['tel', '+49\u00a030\u202f1234\u2009567', '+49 30 1234 567'],
  ['tel', '030/1234567', '030/1234567'],
  ['tel', '(+49) 30 – 123 456', '(+49) 30 - 123 456'],
  ['tel', '०७००४४६५९८४', '07004465984'],
  ['tel', '٠٣٠١٢٣٤٥٦٧', '0301234567'],
  ['tel', '＋８１（３）１２３４－５６７８', '+81(3)1234-5678'],
  ['tel', '1234567', '1234567'],
  ['tel', '123456789012345', '123456789012345'],
  ['tel', `${'-'.repeat(33)}1234567`, `${'-'.repeat(33)}1234567`],
  ['share', '-1', '-1'],
  ['share', '0.5', '0.5'],
  ['share', '\u22120,75', '-0.75'],
  ['share', ',25', '0.25'],
  ['share', '-1,0', '-1.0'],
  ['grade', '0', '0'],
  ['grade', '10', '10'],
  ['grade', '8,04', '8.04'],
  ['grade', '8.040', '8.040'],
  ['grade', '\u202d08,04\u202c', '08.04'],
  ['grade', '٨٫٠٤', '8.04'],
  ['grade', '８．０４', '8.04'],
  ['grade', '8,041', '8.041'],
  ['grade', '0,125', '0.125'],
  ['grade', '10,0', '10.0'],
  ['grade', `1.${'0'.repeat(28)}`, `1.${'0'.repeat(28)}`],
  ['amount', '1.234', '1.234'],
  ['amount', '1234,567', '1234.567'],
  ['amount', '0,125', '0.125'],
  ['amount', '1 234 567,5', '1234567.5'],
  ['amount', '1\u202f234', '1234'],
  ['amount', '1’234.50', '1234.50'],
  ['amount', "1'234", '1234'],
  ['amount', '1.234,56', '1234.56'],
  ['amount', '1,234.56', '1234.56'],
  ['amount', '1,234,567', '1234567'],
  ['amount', '1.234.567', '1234567'],
  ['amount', '12,34,567.5', '1234567.5'],
  ['amount', '١٬٢٣٤٫٥', '1234.5'],
  ['amount', '-4,999.5', '-4999.5'],
  ['minutes', ' 30\u200b ', '30'],
])('%s: %j is kept as %j', async (key, typed, kept) => {
  expect(await send(key, typed)).toEqual([key, kept]);
});

const notSeen = [
  '\u200b',
  '\u2060',
  '\u3164',
  '\u2800',
  '\u00ad',
  '\ufe0f',
  '\u00a0\u200d',
  '\u{e0020}',
  '\u115f',
  '\u0085',
];
it.each(notSeen)('a text of nothing but %j counts as empty', async (typed) => {
  expect(await send('line', typed.repeat(3))).toBe('Fill in “Line”.');
  expect(await send('lines', typed)).toBe('Fill in “Lines”.');
});

const mail = 'Enter an e-mail address, like name@example.org.';
const tel = 'Enter a telephone number of 7 to 15 digits, like +49 30 1234567.';
it.each<[Key, unknown, string]>([
  ['line', 'x'.repeat(21), 'Use at most 20 characters; there are 21.'],
  ['line', ['a'], 'Send this as a text.'],
  ['line', { a: 1 }, 'Send this as a text.'],
  ['mail', 'a..b@example.org', mail],
  ['mail', '.a@example.org', mail],
  ['mail', 'a.@example.org', mail],
  ['mail', 'a@example', mail],
  ['mail', 'a@127.0.0.1', mail],
  ['mail', 'a@b@example.org', mail],
  ['mail', 'a b@example.org', mail],
  ['mail', 'asha@bücher.example/x', mail],
  ['mail', 'asha@bücher', mail],
  ['mail', 'äsha@example.org', mail],
  ['mail', 'asha@example.org\u0085Bcc:b@example.org', mail],
  ['mail', `${'l'.repeat(65)}@example.org`, mail],
  ['mail', `lll@${`${'d'.repeat(61)}.`.repeat(4)}org`, mail],
  ['tel', '123456', tel],
  ['tel', '1234567890123456', tel],
  ['tel', '1234567 ext 1', tel],
  ['tel', '12345²67', tel],
  ['tel', `${'-'.repeat(34)}1234567`, tel],
  ['tel', '१'.repeat(30_000), tel],
  ['share', '0.51', 'Enter a number from -1 to 0.5, like 0.'],
  ['share', '-1.0000001', 'Enter a number from -1 to 0.5, like 0.'],
  ['grade', '-0.0001', 'Enter a number from 0 to 10, like 5.'],
  ['grade', '10.0001', 'Enter a number from 0 to 10, like 5.'],
  ['grade', '8 04', 'Enter a number from 0 to 10, like 5.'],
  ['grade', '8.', 'Enter a number from 0 to 10, like 5.'],
  ['grade', '.', 'Enter a number from 0 to 10, like 5.'],
  ['grade', '1e1', 'Enter a number from 0 to 10, like 5.'],
  ['grade', 'NaN', 'Enter a number from 0 to 10, like 5.'],
  ['grade', '8²', 'Enter a number from 0 to 10, like 5.'],
  ['grade', '1,23,4', 'Enter a number from 0 to 10, like 5.'],
  ['grade', `1.${'0'.repeat(29)}`, 'Enter a number from 0 to 10, like 5.'],
  ['grade', '11,234', 'Enter a number from 0 to 10, like 5.'],
  ['amount', '1,234', '“1,234” can mean 1234 or 1.234; write one of these.'],
  ['amount', '-1,234', '“-1,234” can mean -1234 or -1.234; write one of these.'],
  ['amount', '1.2,3.4', 'Enter a number from -5000 to 100000000, like 49997500.'],
  ['minutes', '20', 'Choose one of: 30, 10, other.'],
  ['minutes', 'Half an hour', 'Choose one of: 30, 10, other.'],
  ['minutes', undefined, 'Choose one of: 30, 10, other.'],
])('%s: %j is refused: %s', async (key, typed, message) => {
  expect(await send(key, typed)).toBe(message);
});

it.each<[Key, string, unknown]>([
  ['grade', '8.04', ['grade', '8.04']],
  ['grade', '8.040', ['grade', '8.040']],
  ['grade', '-0', ['grade', '-0']],
  ['grade', '1e1', 'Enter a number from 0 to 10, like 5.'],
  ['grade', 'true', 'Enter a number from 0 to 10, like 5.'],
  ['line', '12345678901234567890', ['line', '12345678901234567890']],
  ['line', '1e21', ['line', '1e21']],
  ['line', '1E400', ['line', '1E400']],
  ['line', '-0', ['line', '-0']],
  ['line', 'false', ['line', 'false']],
  ['line', 'null', 'Fill in “Line”.'],
  ['tel', '7004465984', ['tel', '7004465984']],
  ['minutes', '30', ['minutes', '30']],
])('%s: the JSON value %s is taken as its text', async (key, json, expected) => {
  expect(await send(key, Buffer.from(`{"${key}": ${json}}`))).toEqual(expected);
});

describe('a choice', () => {
  it('shows its options in the order of its pairs, and names their labels to a person', async () => {
    const url = served.get('minutes')?.url ?? '';
    const page = await (await fetch(url)).text();
    expect([...page.matchAll(/<option value="(\w*)"/g)].map(([, value]) => value)).toEqual([
      '',
      '30',
      '10',
      'other',
    ]);
    const shown = async (minutes: string) =>
      await (await postJson(url, { minutes }, { accept: 'text/html' })).text();
    expect(await shown('20')).toContain('Choose one of: Half an hour, Ten minutes, Something else.');
    expect(await shown('')).toContain('Choose an option for “Minutes”.');
  });

  it.each([[''], [' a'], ['a\u200b']])('cannot have the value %j', (value) => {
    expect(() => choice('Odd', { options: { a: 'A', [value]: 'B' } })).toThrow(`“${value}” is empty, has`);
  });

  it('cannot have a value twice', () => {
    const options: [string, string][] = [
      ['a', 'A'],
      ['a', 'B'],
    ];
    expect(() => choice('Odd', { options })).toThrow('comes twice in “Odd”');
  });
});

const bound = fc.oneof(
  fc.double({ noNaN: true, min: -1e12, max: 1e12 }),
  fc.integer({ min: -1_000, max: 1_000 }),
  fc.integer({ min: -1_000, max: 1_000 }).map((n) => n / 100),
);

it('the example in a message is always a value that the field accepts', () => {
  const exampleOf = (field: Field) => {
    const { issues } = v.safeParse(field, 'no number');
    return / like (\S+)\.$/.exec(issues?.[0].message ?? '')?.[1];
  };
  fc.assert(
    fc.property(bound, bound, (one, other) => {
      const range = { min: Math.min(one, other), max: Math.max(one, other) };
      let field: Field;
      try {
        field = decimal('Any', range);
      } catch {
        // So narrow that no number of 30 characters lies in it.
        expect(range.max - range.min).toBeLessThan(1e-12);
        return;
      }
      expect(v.is(field, exampleOf(field))).toBe(true);
    }),
    { numRuns: 2_000 },
  );
  expect(v.is(email('E-mail'), exampleOf(email('E-mail')))).toBe(true);
  expect(v.is(phone('Telephone'), / like (.+)\.$/.exec(tel)?.[1])).toBe(true);
});

it.each([
  [2, 1],
  [Number.NaN, 1],
  [0, Number.POSITIVE_INFINITY],
])('a decimal from %d to %d is refused at the start', (min, max) => {
  expect(() => decimal('Odd', { min, max })).toThrow(`there is no number from ${min} to ${max}`);
});

it('a number as any language writes it is read as that number or refused, never read as another number', async () => {
  const languages = ['en', 'de', 'de-CH', 'fr', 'en-IN', 'hi-u-nu-deva', 'ar-EG', 'fa', 'bn', 'sv', 'pt-PT'];
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...languages),
      fc.integer({ min: -499_999, max: 99_999_999 }),
      fc.integer({ min: 0, max: 3 }),
      async (language, number, digits) => {
        const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
        const value = Number((number / 100).toFixed(digits));
        const answer = await send('amount', new Intl.NumberFormat(language, options).format(value));
        if (typeof answer === 'string') expect(answer).toContain('can mean');
        // A point and three digits is 1.234, also where German would mean 1234: a point is always the decimal point.
        else if (!/^-?\d{1,3}\.\d{3}$/.test(String(Object(answer)[1]))) {
          expect(Number(Object(answer)[1])).toBe(value);
          taken += 1;
        }
      },
    ),
    { numRuns: 500 },
  );
  expect(taken).toBeGreaterThan(300);
});

it('a telephone number may have the digits of any script', async () => {
  const typed = Intl.supportedValuesOf('numberingSystem')
    .map((system) => new Intl.NumberFormat(`en-u-nu-${system}`, { useGrouping: false }).format(9_876_543_210))
    .filter((digits) => /^\p{Nd}+$/u.test(digits));
  expect(typed.length).toBeGreaterThan(50);
  for (const digits of typed) expect(await send('tel', digits), digits).toEqual(['tel', '9876543210']);
});

describe('the columns of a form', () => {
  const make = (entries: Record<string, Field>) => () => form('odd', v.object(entries));
  const a = text('One', { max: 10 });

  it.each(['id', 'time', 'type', 'form', 'Time'])('cannot have the name or the title %s', (name) => {
    expect(make({ [name]: a })).toThrow(`rename the field “${name}”`);
    expect(make({ other: text(name, { max: 10 }) })).toThrow(`rename the field “${name}”`);
  });

  it('have different names and titles', () => {
    expect(make({ one: a, two: text('one', { max: 10 }) })).toThrow('rename the field “one”');
    expect(make({ one: a, ONE: text('Two', { max: 10 }) })).toThrow('rename the field “ONE”');
  });

  it('have names of at most 64 letters, digits, _ and -, that begin with a letter', () => {
    expect(make({ [`a${'-'.repeat(63)}`]: a })).not.toThrow();
    for (const name of [`a${'-'.repeat(64)}`, '2nd', '_a', 'a b', 'ä', 'constructor', 'prototype', ''])
      expect(make({ [name]: a }), name).toThrow(`rename ${name}`);
  });
});
