import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import PostalMime from 'postal-mime';
import { describe, expect, it, onTestFinished } from 'vitest';
import * as v from 'valibot';
import { parse } from 'yaml';
import { forgottenEvent } from '../../lib/event/forgotten-event.ts';
import { serve } from '../../lib/serve/serve.ts';
import { longestMs, sendConfirmation } from './send-confirmation.ts';
import { data, id, useTask } from './testing.ts';

const task = useTask();
const { post, status } = task;

describe('a confirmation', () => {
  it('goes to the address in the field that the form names, once, with what mail programs want to know', async () => {
    const before = Date.now();
    expect([await status(), await status()]).toEqual([204, 204]);
    expect(await Promise.all([status(), status()])).toEqual([204, 204]);
    expect(task.smtp.mails).toHaveLength(1);
    expect(task.smtp.commands).toEqual(
      expect.arrayContaining(['MAIL FROM:<forms@example.org>', 'RCPT TO:<asha@example.org>']),
    );
    const { headers, text = '', html = '' } = await PostalMime.parse(task.smtp.mails[0] ?? '');
    const {
      date,
      'content-type': _,
      ...others
    } = Object.fromEntries(headers.map(({ key, value }) => [key, value]));
    expect(others).toEqual({
      'auto-submitted': 'auto-generated',
      'x-auto-response-suppress': 'All',
      'message-id': `<${id}@example.org>`,
      'mime-version': '1.0',
      from: 'Formbus <forms@example.org>',
      'reply-to': 'office@example.org',
      subject: 'We have received your submission: Student data',
      to: 'asha@example.org',
    });
    expect(Math.abs(Date.parse(date ?? '') - before)).toBeLessThan(60_000);
    for (const body of [text, html]) {
      expect(body).toContain(id);
      expect(body).toContain('“Student data”');
      expect(body).not.toMatch(/Asha|Hello there/);
    }
  });

  it('goes to nobody when the form names no field, or the person left it empty', async () => {
    expect(await status({ mailto: undefined })).toBe(204);
    expect(await status({ data: { ...data, email: '' } })).toBe(204);
    expect([task.smtp.mails, await task.redis.look.keys('*')]).toEqual([[], []]);
  });

  it('is refused permanently when the event cannot be right', async () => {
    const old = new Date(Date.now() - 61 * 86_400_000).toISOString();
    const wrong: [Record<string, unknown>, string][] = [
      [{ type: 'form.suspected' }, 'wrong or missing: type'],
      [{ type: 'form.analyzed' }, 'wrong or missing: type'],
      [{ mailto: 'absent' }, 'no e-mail address'],
      [{ mailto: 'toString' }, 'no e-mail address'],
      [{ mailto: 5 }, 'no e-mail address'],
      [{ time: old }, 'older than SEEN_DAYS'],
    ];
    for (const [attributes, problem] of wrong)
      expect(await post(attributes)).toEqual({ status: 400, text: expect.stringContaining(problem) });
    expect([task.smtp.mails, await task.redis.look.keys('*')]).toEqual([[], []]);
  });
});

it('a recipient gets no more than the daily cap, however the address is written; the other events are done', async () => {
  const ways = [
    'asha@example.org',
    'ASHA@example.org',
    'asha+1@EXAMPLE.org',
    'asha@example.org',
    'asha+2@example.org',
  ];
  for (const [n, email] of ways.entries())
    expect(await status({ id: `id-${n}`, data: { ...data, email } })).toBe(204);
  expect(task.smtp.mails).toHaveLength(3);
  expect(await status({ id: 'id-3' })).toBe(204);
  expect(await status({ id: 'bo', data: { ...data, email: 'bo@example.org' } })).toBe(204);
  expect(task.smtp.mails).toHaveLength(4);
  // The keys in Redis do not reveal the recipients.
  const keys = await task.redis.look.keys('*');
  expect(keys.join()).not.toMatch(/asha|example/i);
});

it.each([
  ['MAILS_PER_DOMAIN', { form: 'other-form' }, 'person@elsewhere.example'],
  ['MAILS_PER_FORM', { form: 'another-form' }, 'person@example.org'],
])(
  'no more than %s go out a day, whoever the recipients are; the other events are done',
  async (variable, other, email) => {
    const capped = await serve(sendConfirmation, { env: { ...task.env(), [variable]: '4' } });
    onTestFinished(() => capped.close());
    const people = Array.from({ length: 10 }, (_, n) => `person-${n}@EXAMPLE.org`);
    const send = (email: string, attributes = {}) =>
      status({ id: email, data: { ...data, email }, ...attributes }, capped.url);
    expect(new Set(await Promise.all(people.map((email) => send(email))))).toEqual(new Set([204]));
    expect(task.smtp.mails).toHaveLength(4);
    expect(await send(email, other)).toBe(204);
    expect(task.smtp.mails).toHaveLength(5);
  },
);

it('the longest work on an event is shorter than the Broker’s timeout, which the Trigger inherits', () => {
  const root = join(import.meta.dirname, '../../..');
  const Broker = v.object({ spec: v.object({ delivery: v.object({ timeout: v.string() }) }) });
  const file = readFileSync(join(root, 'eventing/broker.yaml'), 'utf8');
  const [, seconds] = /^PT(\d+)S$/.exec(v.parse(Broker, parse(file)).spec.delivery.timeout) ?? [];
  expect(longestMs).toBeLessThan(Number(seconds) * 1_000);
});

it.each([
  [{ SMTP_URL: 'http://mail.example.org' }, 'SMTP_URL is wrong'],
  [{ SMTP_URL: 'smtp://mail.example.org:587?pool=false' }, 'SMTP_URL is wrong'],
  [
    { SMTP_URL: 'smtp://100%@mail.example.org' },
    'SMTP_URL is wrong (a percent sign that begins no escape; write %25',
  ],
  [
    { REDIS_URL: 'redis://:100%@127.0.0.1:1' },
    'REDIS_URL is wrong (a percent sign that begins no escape; write %25',
  ],
  [{ MAIL_FROM: 'a@example.org, b@example.org' }, 'MAIL_FROM is wrong'],
  [{ MAIL_FROM: 'Evil\r\nBcc: eve@example.org <a@example.org>' }, 'MAIL_FROM is wrong'],
  [{ MAIL_REPLY_TO: 'nobody' }, 'MAIL_REPLY_TO is wrong'],
  [{ MAIL_SECRET: 'short' }, 'MAIL_SECRET is wrong'],
  [{ SMTP_TLS: 'no' }, 'SMTP_TLS is wrong'],
])('reports a wrong environment: %o', async (wrong, problem) => {
  await expect(serve(sendConfirmation, { env: { ...task.env(), ...wrong } })).rejects.toThrow(problem);
});

describe('a submission that is forgotten', () => {
  const forgotten = () => {
    const { data: wish, ...attributes } = forgottenEvent({ id, form: 'student-data-form', sheet: 's/t' });
    return status({ ...attributes, data: wish });
  };

  it('gets no mail, however often either of the two events comes', async () => {
    expect([await forgotten(), await forgotten()]).toEqual([204, 204]);
    expect([await status(), await status({ redriven: '7' })]).toEqual([204, 204]);
    expect(task.smtp.mails).toEqual([]);
  });

  it('and was mailed before is not mailed again', async () => {
    expect([await status(), await forgotten(), await status()]).toEqual([204, 204, 204]);
    expect(task.smtp.mails).toHaveLength(1);
    expect(await task.claim()).toBe('sent');
  });
});
