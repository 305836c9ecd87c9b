import { join } from 'node:path';
import PostalMime from 'postal-mime';
import { describe, expect, it } from 'vitest';
import { forgottenEvent } from '../../lib/event/forgotten-event.ts';
import { passTime, waitingOf } from '../../testing/later.ts';
import { startFunction } from '../../testing/process.ts';
import { data, id, useTask } from './testing.ts';

const task = useTask();
const hour = 3_600_000;
const full = '452 4.2.2 <asha@example.org> mailbox full';
const waiting = () => waitingOf(task.redis.look, 'send-confirmation');
const pass = (ms: number) => passTime(task.redis.look, ms);
const deliver = (email: string, attributes = {}) =>
  task.status({ id: email, data: { ...data, email }, ...attributes });
const recipients = async () =>
  (await Promise.all(task.smtp.mails.map((mail) => PostalMime.parse(mail)))).map(
    ({ to }) => to?.[0]?.address ?? '',
  );
const reasons = () =>
  task.letters.events.map(({ id, knativeerrordata }) => [
    id,
    Buffer.from(String(knativeerrordata), 'base64').toString(),
  ]);

it('110 recipients who cannot be mailed now do not hold up others, and each gets one mail once the domain accepts it', async () => {
  task.smtp.recipients['@full.example'] = '452 4.3.1 too much';
  const full = Array.from({ length: 110 }, (_, n) => `person-${n}@full.example`);
  const good = Array.from({ length: 20 }, (_, n) => `person-${n}@example.org`);
  for (let at = 0; at < full.length; at += 50)
    expect(new Set(await Promise.all(full.slice(at, at + 50).map((email) => deliver(email))))).toEqual(
      new Set([204]),
    );
  expect(new Set(await Promise.all(good.map((email) => deliver(email))))).toEqual(new Set([204]));
  expect((await recipients()).toSorted()).toEqual(good.toSorted());
  expect(await waiting()).toEqual(full.toSorted());

  await pass(hour);
  expect(await task.ping()).toBe(204);
  expect(task.smtp.mails).toHaveLength(20);

  task.smtp.recipients = {};
  await pass(8 * hour);
  expect(await Promise.all([task.ping(), task.ping()])).toEqual([204, 204]);
  expect((await recipients()).toSorted()).toEqual([...good, ...full].toSorted());
  expect([await waiting(), task.letters.events]).toEqual([[], []]);
  for (const email of full.slice(0, 10)) expect(await deliver(email)).toBe(204);
  expect(task.smtp.mails).toHaveLength(130);
});

it('a mail that cannot be delivered for two days becomes a dead letter as Knative makes them, with the server’s answer', async () => {
  task.smtp.at.RCPT = full;
  expect(await task.status()).toBe(204);
  // Where the dead letters are not taken, it is kept.
  task.letters.answer = (res) => res.writeHead(503).end();
  await pass(hour);
  await task.redis.look.hset(`later:entry:send-confirmation:${id}`, 'failures', 100);
  expect(await task.ping()).toBe(204);
  expect(await waiting()).toEqual([id]);
  await task.redis.look.hset(`later:entry:send-confirmation:${id}`, 'failures', 1);
  task.letters.answer = undefined;

  let hours = 0;
  for (; task.letters.events.length === 0 && hours < 100; hours += 5) {
    await pass(5 * hour);
    expect(await task.ping()).toBe(204);
  }
  expect(hours).toBeGreaterThan(48);
  expect(reasons()).toEqual([
    [id, 'The recipient cannot be mailed now. SMTP: RCPT TO was answered 452 4.2.2'],
  ]);
  expect(task.letters.events).toMatchObject([
    {
      type: 'form.submitted',
      data,
      knativeerrordest: 'http://send-confirmation.formbus.svc.cluster.local',
      knativeerrorcode: '503',
    },
  ]);
  expect([await waiting(), task.smtp.mails]).toEqual([[], []]);

  // A redriven mail is tried again.
  expect(await task.status({ redriven: '7' })).toBe(204);
  expect(await waiting()).toEqual([id]);
  task.smtp.at = {};
  await pass(hour);
  await task.ping();
  expect([await waiting(), task.smtp.mails.length, task.letters.events.length]).toEqual([[], 1, 1]);
});

describe('while a mail waits', () => {
  it('the Broker’s duplicates change nothing or send it, and it is sent once', async () => {
    task.smtp.at.content = full;
    expect([await task.status(), await task.status()]).toEqual([204, 204]);
    expect(await waiting()).toEqual([id]);
    task.smtp.at = {};
    expect(await task.status()).toBe(204);
    await pass(hour);
    expect(await task.ping()).toBe(204);
    expect([await waiting(), task.smtp.mails.length]).toEqual([[], 1]);
  });

  it('and is forgotten, Redis has nothing of it any more, and it is not sent', async () => {
    task.smtp.at.RCPT = full;
    expect(await task.status()).toBe(204);
    const { data: wish, ...attributes } = forgottenEvent({ id, form: 'student-data-form', sheet: 's/t' });
    expect(await task.status({ ...attributes, data: wish })).toBe(204);
    const { look } = task.redis;
    expect((await look.keys('*')).toSorted()).toEqual([
      `later:forgotten:send-confirmation:${id}`,
      'later:tasks',
      `mail:claim:${id}`,
    ]);
    task.smtp.at = {};
    await pass(hour);
    expect(await task.ping()).toBe(204);
    expect(task.smtp.mails).toEqual([]);
  });

  it('no cap counts it', async () => {
    task.smtp.recipients = { 'asha+': full };
    for (let n = 0; n < 5; n += 1) await deliver(`asha+${n}@example.org`);
    for (let n = 0; n < 3; n += 1) await deliver('asha@example.org', { id: `id-${n}` });
    expect(task.smtp.mails).toHaveLength(3);
  });
});

describe('without Redis', () => {
  it('nothing is deferred that is not kept: the Broker has to retry', async () => {
    task.smtp.at.RCPT = full;
    task.smtp.onMail = () => {};
    expect(await task.status()).toBe(204);
    task.redis.kill('SIGKILL');
    await expect.poll(() => task.status({ id: 'other' })).toBe(503);
    expect(await task.ping()).toBe(503);
    await task.redis.restart();
    await expect.poll(() => task.status({ id: 'other' })).toBe(204);
    expect(await waiting()).toEqual([id, 'other'].toSorted());
  });
});

describe('killed during a retry', () => {
  const main = join(import.meta.dirname, '../../main.ts');
  const start = () => startFunction(main, { ...task.env(), FUNCTION_TARGET: 'send-confirmation' });

  /** Defers the mail, and retries it in a process that is then killed. */
  async function killAt(stage: 'RCPT' | 'content') {
    task.smtp.at.RCPT = full;
    await task.status();
    task.smtp.at = stage === 'RCPT' ? { RCPT: 'silence' } : { content: 'silence' };
    const dying = await start();
    await pass(hour);
    const { length } = task.smtp.commands;
    const ping = task.ping(dying.url).catch(() => 0);
    await expect
      .poll(() =>
        stage === 'RCPT'
          ? task.smtp.commands.slice(length).some((command) => command.startsWith('RCPT'))
          : task.smtp.mails.length === 1,
      )
      .toBe(true);
    dying.kill('SIGKILL');
    await dying.exited;
    expect(await ping).toBe(0);
    task.smtp.at = {};
    await task.ping();
    expect(await waiting()).toEqual([id]);
    const claim = (await task.claim()) ?? '';
    await task.redis.look.set(`mail:claim:${id}`, claim.replace(/ \d+ /, ' 1 '));
    await pass(hour);
    expect(await task.ping()).toBe(204);
    expect(await waiting()).toEqual([]);
  }

  it('before the mail is given: it is sent once, when the lease has ended', async () => {
    await killAt('RCPT');
    expect([task.smtp.mails.length, task.letters.events]).toEqual([1, []]);
  });

  it('after the mail is given and before the answer: its dead letter says that the outcome is unknown', async () => {
    await killAt('content');
    expect(task.smtp.mails).toHaveLength(1);
    expect(reasons()).toEqual([[id, expect.stringContaining('Whether the mail went out is unknown')]]);
  });
});
