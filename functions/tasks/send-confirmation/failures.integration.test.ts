import { describe, expect, it, onTestFinished } from 'vitest';
import { forgottenEvent } from '../../lib/event/forgotten-event.ts';
import { serve } from '../../lib/serve/serve.ts';
import { startTestSmtp } from '../../testing/smtp.ts';
import { sendConfirmation } from './send-confirmation.ts';
import { id, useTask } from './testing.ts';

const task = useTask();
const { post, status, claim } = task;

/** As if a minute had passed. */
async function expire() {
  await task.redis.look.set(`mail:claim:${id}`, (await claim())?.replace(/ \d+ /, ' 1 ') ?? '');
}

describe('what the SMTP server does', () => {
  it.each([
    ['MAIL', '451 4.3.0 later', 503],
    ['RCPT', '550 5.1.1 <asha@example.org> unknown', 400],
    ['content', '452 4.3.1 disk full', 503],
    ['content', '554 5.6.0 spam', 400],
    ['MAIL', 'drop', 503],
  ] as const)('at %s, %s: the answer is %i, and the next try is free', async (stage, said, answered) => {
    task.smtp.at[stage] = said;
    const answer = await post();
    expect(answer.status).toBe(answered);
    expect(answer.text).not.toContain('asha');
    expect(await task.redis.look.keys('*')).toEqual([]);
    task.smtp.at = {};
    expect(await status()).toBe(204);
    expect(task.smtp.mails).toHaveLength(1);
  });

  it('when no answer comes after the mail: retried, then a dead letter, and a redrive tries once', async () => {
    task.smtp.at.content = 'drop';
    expect(await post()).toEqual({ status: 503, text: expect.stringContaining('is unknown') });
    task.smtp.at = {};
    expect(await post()).toEqual({
      status: 503,
      text: expect.stringContaining('or ended without an answer'),
    });
    await expire();
    for (let times = 0; times < 3; times += 1)
      expect(await post()).toEqual({ status: 400, text: expect.stringContaining('Redrive the event') });
    expect(task.smtp.mails).toHaveLength(1);

    task.smtp.at.content = 'drop';
    expect(await status({ redriven: '5' })).toBe(503);
    task.smtp.at = {};
    await expire();
    expect(await status({ redriven: '5' })).toBe(400);
    expect(await status()).toBe(400);
    expect(task.smtp.mails).toHaveLength(2);
    expect(await status({ redriven: '6' })).toBe(204);
    expect(task.smtp.mails).toHaveLength(3);
    expect(await status({ redriven: '7' })).toBe(204);
    expect(task.smtp.mails).toHaveLength(3);
  });

  it('before it has answered, another delivery waits', async () => {
    const answered = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    task.smtp.onMail = () => {
      arrived.resolve();
      return answered.promise;
    };
    const first = status();
    await arrived.promise;
    expect(await post()).toEqual({ status: 503, text: expect.stringContaining('Another delivery') });
    answered.resolve();
    expect(await first).toBe(204);
    expect(task.smtp.mails).toHaveLength(1);
  });
});

describe('a task that is frozen when the mail is about to be given', () => {
  /** A delivery to a server of its own that has been asked for the content, and says nothing until `goOn`. */
  async function freeze() {
    const slow = await startTestSmtp();
    const other = await serve(sendConfirmation, { env: { ...task.env(), SMTP_URL: slow.url.href } });
    onTestFinished(async () => {
      await other.close();
      await slow.close();
    });
    slow.at.DATA = 'silence';
    const answer = status({}, other.url);
    await expect.poll(() => slow.commands).toContain('DATA');
    const goOn = () => {
      slow.at = {};
      slow.say('354 go on');
      return answer;
    };
    return { slow, goOn };
  }

  it('sends nothing when another delivery has taken over meanwhile, and has sent it', async () => {
    const { slow, goOn } = await freeze();
    await expire();
    expect(await status()).toBe(204);
    expect(await goOn()).toBe(503);
    expect([slow.mails, task.smtp.mails.length, await claim()]).toEqual([[], 1, 'sent']);
  });

  it('sends nothing when another delivery has taken over and is sending', async () => {
    const { slow, goOn } = await freeze();
    await expire();
    const answered = Promise.withResolvers<void>();
    task.smtp.onMail = () => answered.promise;
    const second = status();
    await expect.poll(() => task.smtp.mails).toHaveLength(1);
    expect(await goOn()).toBe(503);
    answered.resolve();
    expect(await second).toBe(204);
    expect([slow.mails, task.smtp.mails.length, await claim()]).toEqual([[], 1, 'sent']);
  });

  it('sends nothing when the submission has been forgotten meanwhile', async () => {
    const { slow, goOn } = await freeze();
    const { data, ...attributes } = forgottenEvent({ id, form: 'student-data-form', sheet: 's/t' });
    expect(await status({ ...attributes, data })).toBe(204);
    expect(await goOn()).toBe(503);
    expect([slow.mails, task.smtp.mails, await claim()]).toEqual([[], [], 'forgotten']);
    expect(await status()).toBe(204);
    expect(task.smtp.mails).toEqual([]);
  });
});

describe('Redis', () => {
  it('away before the mail: nothing is sent; the event is taken once Redis is back', async () => {
    task.redis.kill('SIGKILL');
    await expect.poll(() => status()).toBe(503);
    expect(task.smtp.mails).toEqual([]);
    await task.redis.restart();
    await expect.poll(() => status()).toBe(204);
    expect(task.smtp.mails).toHaveLength(1);
  });

  it('killed while the mail waits to be given: nothing is given', async () => {
    const early = await startTestSmtp();
    const other = await serve(sendConfirmation, { env: { ...task.env(), SMTP_URL: early.url.href } });
    onTestFinished(async () => {
      await other.close();
      await early.close();
    });
    early.at.DATA = 'silence';
    const first = status({}, other.url);
    await expect.poll(() => early.commands).toContain('DATA');
    task.redis.kill('SIGKILL');
    early.at = {};
    early.say('354 go on');
    expect(await first).toBe(503);
    expect(early.mails).toEqual([]);
    await task.redis.restart();
  });

  it('killed after the mail is out and before that is noted: done, and unknown to other deliveries', async () => {
    task.smtp.onMail = async () => {
      task.redis.kill('SIGKILL');
      await expect.poll(() => task.redis.look.status).not.toBe('ready');
    };
    await expect.poll(() => status()).toBe(204);
    task.smtp.onMail = () => {};
    await task.redis.restart();
    await expect.poll(claim).toMatch(/^given /);
    await expect.poll(() => status()).toBe(503);
    await expire();
    await expect.poll(() => status()).toBe(400);
    expect(task.smtp.mails).toHaveLength(1);
  });

  it('without the replicas that a write needs: nothing is sent', async () => {
    const other = await serve(sendConfirmation, { env: { ...task.env(), REDIS_REPLICAS: '1' } });
    onTestFinished(() => other.close());
    expect(await status({}, other.url)).toBe(503);
    expect(task.smtp.mails).toEqual([]);
  });
});
