import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { forgottenEvent } from '../../lib/event/forgotten-event.ts';
import { serve } from '../../lib/serve/serve.ts';
import { startCollector } from '../../testing/collector.ts';
import { startFunction } from '../../testing/process.ts';
import { sendConfirmation } from './send-confirmation.ts';
import { data, id, useTask } from './testing.ts';

const task = useTask();

it('counts and logs the outcome of each mail, by the submission’s id and nothing that a person typed', async () => {
  const collector = await startCollector();
  onTestFinished(collector.away);
  const { url, kill, exited, logged } = await startFunction(join(import.meta.dirname, '../../main.ts'), {
    ...task.env(),
    FUNCTION_TARGET: 'send-confirmation',
    METRICS_URL: collector.url,
    MAILS_PER_DAY: '1',
  });
  const deliver = (email: string, attributes = {}) =>
    task.status({ id: email.split('@')[0], data: { ...data, email }, ...attributes }, url);
  expect([await task.status({}, url), await task.status({}, url)]).toEqual([204, 204]);
  expect(await task.status({ id: 'second' }, url)).toBe(204);
  expect(await deliver('', { id: 'nobody' })).toBe(204);
  task.smtp.recipients = { refused: '550 5.1.1 unknown', deferred: '452 4.2.2 full', again: '421 4.3.2 bye' };
  expect(await deliver('refused@example.org')).toBe(400);
  expect(await deliver('deferred@example.org')).toBe(204);
  expect(await deliver('again@example.org')).toBe(503);
  const { data: wish, ...attributes } = forgottenEvent({ id: 'third', form: 'f', sheet: 's/t' });
  expect(await task.status({ ...attributes, data: wish }, url)).toBe(204);
  expect(await deliver('third@example.org')).toBe(204);
  kill('SIGTERM');
  expect(await exited).toBe(0);

  const count = (outcome: string) => collector.total('formbus_mails_total', 'send-confirmation', outcome);
  expect(['sent', 'over', 'refused', 'deferred', 'again'].map(count)).toEqual([1, 1, 1, 1, 1]);
  expect(collector.total('formbus_duplicates_total', 'send-confirmation')).toBe(1);
  expect(logged().map(({ id: of, msg }) => [of, msg])).toEqual(
    expect.arrayContaining([
      [id, 'mailed'],
      [id, 'mailed already'],
      ['second', 'not mailed: the recipient reached the daily cap'],
      ['nobody', 'no address to mail to'],
      ['refused', 'failed permanently'],
      ['again', 'unavailable, will be retried'],
      ['third', 'not mailed: the submission is forgotten'],
    ]),
  );
  expect(JSON.stringify(logged())).not.toMatch(/Asha|example\.org[^>]/);
});

it('counts the events it receives by answer, and how long each took; a ping does not count', async () => {
  const collector = await startCollector();
  onTestFinished(collector.away);
  const env = { ...task.env(), METRICS_URL: collector.url };
  const { url, close } = await serve(sendConfirmation, { env });
  expect([await task.status({}, url), await task.status({ mailto: 'absent' }, url)]).toEqual([204, 400]);
  expect([await task.ping(url), (await fetch(url)).status]).toEqual([204, 405]);
  await close();
  const events = (status: string) =>
    collector.total('formbus_task_events_total', 'send-confirmation', status);
  expect(['204', '400', '405'].map(events)).toEqual([1, 1, undefined]);
  expect(collector.total('formbus_task_seconds_count', 'send-confirmation')).toBe(2);
  expect(collector.total('formbus_task_seconds_sum', 'send-confirmation')).toBeGreaterThan(0);
});

it('logs in as SMTP_USER, and sends neither password nor mail unencrypted unless SMTP_TLS allows it', async () => {
  const env: Record<string, string> = {
    ...task.env(),
    SMTP_USER: 'forms',
    SMTP_PASSWORD: 'a secret',
  };
  const open = await serve(sendConfirmation, { env });
  const strict = await serve(sendConfirmation, { env: { ...env, SMTP_TLS: 'required' } });
  onTestFinished(async () => {
    await open.close();
    await strict.close();
  });
  expect(await task.status({}, strict.url)).toBe(503);
  expect([task.smtp.mails, task.smtp.commands.filter((command) => command.startsWith('AUTH'))]).toEqual([
    [],
    [],
  ]);
  expect(await task.status({}, open.url)).toBe(204);
  const login = Buffer.from('\0forms\0a secret').toString('base64');
  expect(task.smtp.commands).toContain(`AUTH PLAIN ${login}`);
});

it('has no connection to Redis and the SMTP server after close()', async () => {
  const redis = async () =>
    String(await task.redis.look.client('LIST'))
      .trim()
      .split('\n').length;
  const before = [await redis(), task.smtp.connections()];
  const { url, close } = await serve(sendConfirmation, { env: task.env() });
  expect([await task.status({}, url), await task.ping(url)]).toEqual([204, 204]);
  expect(task.smtp.connections()).toBeGreaterThan(before[1] ?? 0);
  await close();
  // An idle connection to the SMTP server ends by itself after 30 s.
  await expect.poll(async () => [await redis(), task.smtp.connections()]).toEqual(before);
});
