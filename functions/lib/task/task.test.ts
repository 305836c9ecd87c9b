import { CloudEvent, HTTP } from 'cloudevents';
import { afterEach, expect, it } from 'vitest';
import { Submission } from '../event/submission.ts';
import { submissionEvent } from '../event/event.ts';
import { Unavailable } from '../runtime/errors.ts';
import { HttpError } from '../serve/http.ts';
import { laterQueue } from '../later/later-queue.ts';
import { inTurn } from '../later/pauses.ts';
import { TryLater } from '../later/try-later.ts';
import { serve, type Served } from '../serve/serve.ts';
import { task } from './task.ts';
import type { TaskHandler } from './task-handler.ts';

const event = submissionEvent({
  type: 'form.submitted',
  id: '0199-1',
  form: 'demo-form',
  receivedAt: new Date(0),
  data: { name: 'Asha', message: 'Grüße' },
  dataschema: 'urn:formbus:form:demo-form:0',
  spreadsheetId: 'spreadsheet-1',
  tab: 'Übersicht / 1',
  traceparent: undefined,
});

let served: Served | undefined;
afterEach(async () => {
  await served?.close();
  served = undefined;
});

async function post(
  handler: TaskHandler<Submission>,
  message = HTTP.binary(event),
  method = 'POST',
): Promise<Response> {
  served = await serve(task('tried-task', Submission, handler, { replies: ['form.analyzed', event.type] }), {
    env: { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent' },
  });
  const headers = Object.entries(message.headers).map(([key, value]): [string, string] => [
    key,
    String(value),
  ]);
  return fetch(served.url, { method, headers, ...(method === 'GET' ? {} : { body: String(message.body) }) });
}

it('hands the event to the handler and answers 204 without a body', async () => {
  let seen: Submission | undefined;
  const answer = await post(async ({ event }) => {
    seen = event;
  });
  expect(answer.status).toBe(204);
  expect(await answer.text()).toBe('');
  expect(seen).toEqual(
    expect.objectContaining({
      id: '0199-1',
      form: 'demo-form',
      sheet: 'spreadsheet-1/%C3%9Cbersicht%20%2F%201',
      data: { name: 'Asha', message: 'Grüße' },
    }),
  );
});

it('takes attributes as long as the ingresses let pass, and answers 431 to longer ones', async () => {
  const { headers, body } = HTTP.binary(event);
  const statusOf = async (length: number) => {
    const { status } = await post(async () => {}, {
      headers: { ...headers, 'ce-mailtext': 'x'.repeat(length) },
      body,
    });
    await served?.close();
    return status;
  };
  expect([await statusOf(15_519), await statusOf(60_000), await statusOf(66_000)]).toEqual([204, 204, 431]);
});

it('takes an event as large as the Broker takes it, and answers 413 to a larger one', async () => {
  const { headers, body } = HTTP.binary(event);
  const statusOf = async (bytes: number) => {
    const more = ' '.repeat(bytes - Buffer.byteLength(String(body)));
    const answer = await post(async () => {}, { headers, body: `${String(body)}${more}` });
    await answer.text();
    await served?.close();
    return answer.status;
  };
  expect([await statusOf(1_048_576 + 65_536), await statusOf(1_048_576 + 65_537)]).toEqual([204, 413]);
});

it('takes an event in structured mode as well', async () => {
  expect((await post(async () => {}, HTTP.structured(new CloudEvent(event)))).status).toBe(204);
});

it('answers a reply as a CloudEvent in binary mode', async () => {
  const reply = new CloudEvent({
    type: 'form.analyzed',
    source: '/tasks/tried-task',
    data: { ok: true },
    flagged: 'true',
  });
  const answer = await post(async () => reply);
  expect(answer.status).toBe(200);
  expect(answer.headers.get('ce-type')).toBe('form.analyzed');
  expect(answer.headers.get('ce-flagged')).toBe('true');
  expect(answer.headers.get('content-type')).toContain('application/json');
  expect(await answer.json()).toEqual({ ok: true });
});

it('answers 400 to a reply of the type that it answers, which would loop', async () => {
  expect((await post(async () => event)).status).toBe(400);
});

it('answers 400 to a reply of a type that it has not declared, which the manifests know nothing of', async () => {
  const reply = new CloudEvent({ type: 'form.scored', source: '/tasks/tried-task', data: {} });
  expect((await post(async () => reply)).status).toBe(400);
});

it('answers 503 when something is out of reach, so that Knative tries again', async () => {
  const answer = await post(async () => {
    throw new Unavailable('SMTP did not answer.');
  });
  expect(answer.status).toBe(503);
  expect(await answer.text()).toBe('SMTP did not answer.\n');
});

it('answers 400 to any other error, without the data in its text, so that Knative keeps the event as a dead letter', async () => {
  const answer = await post(async () => {
    throw new Error('Asha is not defined');
  });
  expect(answer.status).toBe(400);
  expect(answer.headers.get('content-type')).toContain('text/plain');
  expect(await answer.text()).not.toContain('Asha');
});

it('answers 400 to a reply whose attributes are too large for Knative, and says how many bytes they may take', async () => {
  const reply = { type: 'form.analyzed', source: '/tasks/tried-task', data: {}, found: 'ऋ'.repeat(500) };
  const answer = await post(async () => new CloudEvent(reply));
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('and may take 4000')]);
});

it('cannot both reply and try later, because nothing waits for the reply then', () => {
  const later = { queue: laterQueue, options: () => ({ pauses: inTurn(1) }) };
  const setup = { env: {}, later, start: () => ({ handle: async () => {} }) };
  expect(() => task('both', Submission, setup, { replies: ['form.analyzed'] })).toThrow('cannot reply');
});

it('answers 503 to a TryLater of a task without a queue, so that nothing is lost, and says what is missing', async () => {
  const answer = await post(async () => {
    throw new TryLater('full', { destination: 'example.org' });
  });
  expect([answer.status, await answer.text()]).toEqual([503, expect.stringContaining('has no queue')]);
});

it('takes an event with as many attributes as Knative’s ingresses may be set to let pass', async () => {
  const { headers, body } = HTTP.binary(event);
  const message = { headers: { ...headers, 'ce-more': 'x'.repeat(60_000) }, body };
  expect((await post(async () => {}, message)).status).toBe(204);
});

it('keeps a status that the task chose', async () => {
  const answer = await post(async () => {
    throw new HttpError(429, 'Later.');
  });
  expect(answer.status).toBe(429);
});

it.each([
  ['a request that is not an event', { headers: { 'content-type': 'application/json' }, body: '{}' }],
  ['an event whose data is not JSON', { ...HTTP.binary(event), body: '{' }],
  [
    'an event without the attributes of a submission',
    HTTP.binary(new CloudEvent({ type: 'x', source: '/x', data: {} })),
  ],
  [
    'a batch',
    {
      headers: { 'content-type': 'application/cloudevents-batch+json' },
      body: JSON.stringify([event, event]),
    },
  ],
])('answers 400 to %s and does not call the handler', async (_, message) => {
  let called = false;
  const answer = await post(async () => {
    called = true;
  }, message);
  expect(answer.status).toBe(400);
  expect(called).toBe(false);
});

it('does not repeat what a person wrote in the reason for a refusal', async () => {
  const odd = new CloudEvent({ ...event, data: { name: { secret: 'Asha' } } });
  const answer = await post(async () => {}, HTTP.binary(odd));
  const text = await answer.text();
  expect(text).toContain('data.name');
  expect(text).not.toContain('Asha');
});

it('answers 405 to anything but POST', async () => {
  const answer = await post(async () => {}, HTTP.binary(event), 'GET');
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST']);
});
