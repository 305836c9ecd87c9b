import * as fc from 'fast-check';
import * as v from 'valibot';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bodyOf, formEnv, postJson, startSink, type Sink } from '../../testing/sink.ts';
import { attributeBytes, mostAttributeBytes } from './attribute-bytes.ts';
import { Submission } from './submission.ts';
import { email } from '../fields/email.ts';
import { text } from '../fields/text.ts';
import { form } from '../form/form.ts';
import { forgottenEvent } from './forgotten-event.ts';
import { replyTo } from './reply.ts';
import { serve } from '../serve/serve.ts';

let sink: Sink;
beforeAll(async () => {
  sink = await startSink();
});
afterAll(() => sink.close());

/** Letters of 1 to 4 bytes, left-to-right and right-to-left, joined letters, and text that is already percent-encoded. */
const scripts = ['aZ9 %"/', 'äßñ', 'नमस्ते', '漢字カナ한', '😀👩‍🔬🇮🇳', 'مرحباשלום'];
const letters = fc.constantFrom(...scripts).chain((script) => fc.constantFrom(...Array.from(script)));
const words = (max: number) =>
  fc.array(letters, { minLength: max / 2, maxLength: max, size: 'max' }).map(
    (all) =>
      `x${all
        .join('')
        .slice(0, max - 1)
        .toWellFormed()}`,
  );

const cases = fc.record({
  name: fc.stringMatching(/^[a-z][a-z0-9-]{0,61}[a-z0-9]$/),
  field: fc.stringMatching(/^[A-Za-z][\w-]{50,63}$/),
  tab: fc.array(letters, { minLength: 50, maxLength: 99, size: 'max' }).map((all) => `x${all.join('')}`),
  mail: fc.record({ subject: words(150), intro: words(1_000), outro: words(1_000) }),
});

/** As the ingress sees them: everything but plain ASCII is percent-encoded, percent signs included. */
function headerBytes(event: object): number {
  const { data: _, ...attributes } = v.parse(v.looseObject({}), JSON.parse(JSON.stringify(event)));
  return Object.entries(attributes)
    .map(([name, value]) => `ce-${name}: ${encodeURIComponent(String(value))}\r\n`.length)
    .reduce((sum, bytes) => sum + bytes, 0);
}

it('a form’s events, and the events made from them, fit through Knative’s ingresses, whatever the script of its tab, name and e-mail field', async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ name, field, tab, mail }) => {
      const schema = v.object({ name: text('Name', { max: 100 }), [field]: email('Mail') });
      const served = await serve(form(name, schema, { mail }), {
        env: formEnv(sink, { SHEET_TAB: tab, SPREADSHEET_ID: 'x'.repeat(44) }),
      });
      try {
        sink.events = [];
        const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
        const body = { name: 'आशा', [field]: 'asha@example.org' };
        const answer = await postJson(served.url, body, { traceparent, 'idempotency-key': 'x'.repeat(255) });
        expect([answer.status, await bodyOf(answer)]).toMatchObject([202, { form: name }]);
        const submission = v.parse(Submission, { ...sink.events[0] });
        const data = { flagged: true };
        const reply = { task: 'x'.repeat(63), type: 'form.analyzed', data, extensions: { flagged: true } };
        for (const event of [sink.events[0] ?? {}, replyTo(submission, reply), forgottenEvent(submission)])
          expect(headerBytes(event)).toBeLessThan(mostAttributeBytes);
        expect(submission['mailto']).toBe(field);
      } finally {
        await served.close();
      }
    }),
    { numRuns: 40 },
  );
});

it('counts three bytes for each encoded byte, percent signs and quotes included, and leaves out the data', () => {
  expect(attributeBytes({ a: '~%" ä', b: undefined, data: 'x' })).toBe(
    'ce-a: \r\n'.length + 1 + 3 + 3 + 3 + 6,
  );
});

it.each([
  [
    'a-form',
    { SPREADSHEET_ID: 'x'.repeat(3_500) },
    'shorten SHEET_TAB or SPREADSHEET_ID (the attribute sheet',
  ],
  ['f'.repeat(1_200), {}, "shorten the form's name (the attribute"],
  ['a-form', { SHEET_TAB: 'ऋ'.repeat(101) }, 'SHEET_TAB is wrong (not 1 to 100 characters)'],
  ['a-form', { SHEET_TAB: 'a\nb' }, 'SHEET_TAB is wrong (not 1 to 100 characters)'],
])(
  'a form whose events would not fit does not start, and says what to shorten: %.20s %o',
  async (name, env, problem) => {
    const started = serve(form(name, v.object({ mail: email('Mail') })), { env: formEnv(sink, env) });
    await expect(started).rejects.toThrow(problem);
  },
);
