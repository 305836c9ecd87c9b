import * as v from 'valibot';
import { expect, it, onTestFinished } from 'vitest';
import { binaryMessage } from '../event/event.ts';
import { Submission } from '../event/submission.ts';
import { testEvent } from '../event/testing.ts';
import { Refused } from './errors.ts';
import { serve } from '../serve/serve.ts';
import { task } from '../task/task.ts';

const data = {
  name: 'Asha Rao',
  city: 'Rī',
  age: '19',
  roll: 'X',
  email: 'asha.rao@example.org',
  message: `I have played the bassoon for ten years. ${'And the oboe. '.repeat(50)}`,
};
const event = testEvent(data);

/** The answer of a task that throws this; it becomes a dead letter's `knativeerrordata`. */
async function answerTo(fail: (event: Submission) => void | Promise<void>): Promise<[number, string]> {
  const definition = task('failing-task', Submission, async ({ event }) => {
    await fail(event);
  });
  const env = { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent' };
  const served = await serve(definition, { env });
  onTestFinished(() => served.close());
  const answer = await fetch(served.url, { method: 'POST', ...binaryMessage(event) });
  return [answer.status, (await answer.text()).trimEnd()];
}

class WebhookError extends Error {}
const raise = (error: unknown) => () => {
  throw error;
};
const database = () =>
  Object.assign(new Error(`invalid input syntax for type integer: "${data.name}"`), {
    name: 'DatabaseError',
    code: '22P02',
    detail: `Key (email)=(${data.email}) already exists.`,
  });

it.each<[string, (event: Submission) => void | Promise<void>, string]>([
  ['an error', raise(new Error('webhook refuses: 404')), 'Error: webhook refuses: 404'],
  ['its class', raise(new WebhookError('404 Not Found')), 'WebhookError: 404 Not Found'],
  ['the first of its lines', raise(new TypeError('one\ntwo')), 'TypeError: one'],
  [
    'its causes',
    raise(
      new TypeError('fetch failed', { cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }) }),
    ),
    'TypeError: fetch failed (Error ECONNREFUSED: connect)',
  ],
  [
    'its code, and nothing of a quoted value',
    raise(database()),
    'DatabaseError 22P02: invalid input syntax for type integer: "…"',
  ],
  [
    'no value, however it is written',
    raise(new Error('ASHA, 19, x, rī: rao@EXAMPLE.org')),
    'Error: …, …, …, …: …',
  ],
  ['whole words only', raise(new Error('X: axis 190, ash')), 'Error: …: axis 190, ash'],
  [
    'no fragment of a long text',
    raise(new Error('too long: "the bassoon for ten yea"')),
    'Error: too long: "…"',
  ],
  [
    'which fields are wrong',
    ({ data }) => void v.parse(v.object({ name: v.pipe(v.string(), v.url()) }), data),
    'ValiError: wrong or missing: name',
  ],
  [
    'nothing of the JSON',
    ({ data }) => void JSON.parse(String(data['message'])),
    'SyntaxError: this is not JSON',
  ],
  ['not more than is read', raise(new Error('y'.repeat(5_000))), `Error: ${'y'.repeat(293)}`],
  ['that it was not an Error', raise('Asha Rao'), 'The task threw a string, which is not an Error.'],
  [
    'a reason of the task’s own as it is',
    raise(new Refused('The webhook refuses: 404')),
    'The webhook refuses: 404',
  ],
])('the answer of a failed task contains %s', async (_, fail, text) => {
  expect(await answerTo(fail)).toEqual([400, text]);
});
