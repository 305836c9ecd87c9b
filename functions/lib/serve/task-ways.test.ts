import { HTTP } from 'cloudevents';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { testEvent } from '../event/testing.ts';
import { Submission } from '../event/submission.ts';
import { sendRaw } from '../form/testing.ts';
import { Unavailable } from '../runtime/errors.ts';
import { serve, type Served } from './serve.ts';
import { task } from '../task/task.ts';

const event = testEvent({ name: 'Asha' });
const { headers, body } = HTTP.binary(event);
const fields = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}`);

let served: Served;
beforeAll(async () => {
  const tried = task('tried-task', Submission, async ({ event }) => {
    if (event.id !== '0199-1') throw new Unavailable('Away.');
  });
  served = await serve(tried, { env: { PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'silent' } });
});
afterAll(() => served.close());

it.each([
  [204, 'an event', 'POST', fields, String(body)],
  [503, 'one that cannot be handled now', 'POST', [...fields, 'ce-id: 0199-2'], String(body)],
  [400, 'one that is broken', 'POST', fields, '{'],
  [400, 'what is no event', 'POST', [], '{}'],
  [405, 'another method', 'PUT', fields, String(body)],
])('answers %s to %s, directly and through Express alike', async (status, _, method, sent, data) => {
  const last = new Map(sent.map((line) => [line.split(':', 1)[0], line]));
  const lines = [...last.values(), `Content-Length: ${data.length}`, 'Host: x', 'Connection: close'];
  const [direct, through] = await Promise.all(
    ['/', 'http://x/'].map((target) =>
      sendRaw(served.url, `${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${data}`),
    ),
  );
  expect(direct).toContain(`HTTP/1.1 ${status} `);
  expect(direct?.replace(/Date: .*/, '')).toBe(through?.replace(/Date: .*/, ''));
});
