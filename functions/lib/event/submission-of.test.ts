import { form, replyTo, submissionOf, task, text } from 'formbus';
import * as v from 'valibot';
import { expect, expectTypeOf, it, onTestFinished } from 'vitest';
import { serve } from '../serve/serve.ts';

const visitorBook = form(
  'visitor-book',
  v.pipe(
    v.object({
      name: text('Your name', { max: 100 }),
      message: text('Message', { max: 2000, required: false }),
    }),
    v.title('Visitor book'),
  ),
);

const greeted: string[] = [];
const greet = task(
  'greet',
  submissionOf(visitorBook),
  async ({ event }) => {
    expectTypeOf(event.data.name).toEqualTypeOf<string>();
    expectTypeOf(event.type).toEqualTypeOf<'form.submitted' | 'form.suspected'>();
    // @ts-expect-error -- the form has no such field
    const missing: unknown = event.data.nickname;
    greeted.push([event.data.name, event.data.message, String(missing)].join());
    return replyTo(event, { task: 'greet', type: 'visitor.greeted', data: { name: event.data.name } });
  },
  { replies: ['visitor.greeted'] },
);

async function post(attributes: object) {
  const served = await serve(greet, { env: { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent' } });
  onTestFinished(() => served.close());
  greeted.length = 0;
  const event = {
    specversion: '1.0',
    id: 'id-1',
    type: 'form.submitted',
    source: '/forms/visitor-book',
    time: '2026-01-01T00:00:00Z',
    form: 'visitor-book',
    sheet: 'spreadsheet-1/visitor-book',
    data: { name: 'Asha', message: 'Hello' },
    ...attributes,
  };
  const headers = { 'content-type': 'application/cloudevents+json' };
  const answer = await fetch(served.url, { method: 'POST', headers, body: JSON.stringify(event) });
  return { status: answer.status, text: await answer.text() };
}

it('a task of one form knows the names of its fields, and replies like any other', async () => {
  expect(await post({})).toEqual({ status: 200, text: '{"name":"Asha"}' });
  expect(greeted).toEqual(['Asha,Hello,undefined']);
});

it.each([
  ['a suspected submission', { type: 'form.suspected' }, 'Asha,Hello,undefined'],
  ['one without an optional field', { data: { name: 'Asha' } }, 'Asha,,undefined'],
  ['one with a field that the form had before', { data: { name: 'Asha', nickname: 'A' } }, 'Asha,,A'],
])('takes %s', async (_, attributes, expected) => {
  expect((await post(attributes)).status).toBe(200);
  expect(greeted).toEqual([expected]);
});

it.each([
  ['another form', { form: 'demo-form' }, 'form'],
  ['another type', { type: 'form.analyzed' }, 'type'],
  ['a required field missing', { data: { message: 'Hello' } }, 'data.name'],
  ['a field that is not a text', { data: { name: 7, message: 'Hello' } }, 'data.name'],
  ['data that is not an object', { data: 'Asha' }, 'data'],
])('refuses an event with %s permanently, and names what is wrong', async (_, attributes, wrong) => {
  const { status, text: body } = await post(attributes);
  expect(status).toBe(400);
  expect(body).toContain(`wrong or missing: ${wrong}.`);
  expect(greeted).toEqual([]);
});
