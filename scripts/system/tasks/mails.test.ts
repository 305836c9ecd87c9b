import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFailed, onTestFinished } from 'vitest';
import * as v from 'valibot';
import { passTime, waitingOf } from '../../../functions/testing/later.ts';
import { student } from '../../../functions/testing/sink.ts';
import { openMailStore } from '../../emulators/mails/store.ts';
import { startSmtpChild } from '../../emulators/mails/testing.ts';
import { startFormbus, dataFolder, type StartedFormbus } from '../../testing/formbus.ts';

const Accepted = v.object({ id: v.string() });
const Events = v.array(
  v.object({ seq: v.number(), triggers: v.array(v.string()), waiting: v.array(v.string()) }),
);
const Letters = v.array(
  v.object({
    id: v.number(),
    trigger: v.string(),
    attributes: v.looseObject({ id: v.string(), knativeerrordata: v.string() }),
  }),
);

/** The id of the accepted submission; undefined when it was not accepted or that is unknown. The same key yields the same id. */
async function submit(
  url: string,
  fields: Record<string, string>,
  key: string = crypto.randomUUID(),
): Promise<string | undefined> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': key };
  const body = JSON.stringify({ ...student, ...fields });
  const init = { method: 'POST', headers, body };
  const answer = await fetch(`${url}/student-data-form/`, init).catch(() => undefined);
  return answer?.status === 202 ? v.parse(Accepted, await answer.json()).id : undefined;
}

/** Submits until it is accepted, as a busy machine may need. */
async function accepted({ url }: StartedFormbus, fields: Record<string, string>): Promise<string> {
  const key = crypto.randomUUID();
  for (;;) {
    const id = await submit(url, fields, key);
    if (id !== undefined) return id;
  }
}

async function get(formbus: StartedFormbus, path: string): Promise<unknown> {
  return (await fetch(formbus.url + path)).json();
}

async function post(formbus: StartedFormbus, path: string, body: unknown): Promise<unknown> {
  return (await fetch(formbus.url + path, { method: 'POST', body: JSON.stringify(body) })).json();
}

/** All of the Broker's log. */
async function events(formbus: StartedFormbus) {
  const all: v.InferOutput<typeof Events> = [];
  for (;;) {
    const page = v.parse(Events, await get(formbus, `/_/events?after=${all.at(-1)?.seq ?? 0}`));
    if (page.length === 0) return all;
    all.push(...page);
  }
}

/** Triggers that wait for something. */
const waiting = async (formbus: StartedFormbus) =>
  [...new Set((await events(formbus)).flatMap((event) => event.waiting))].toSorted();

const deadLetters = async (formbus: StartedFormbus) => v.parse(Letters, await formbus.deadLetters());

const reasonOf = ({ attributes }: { attributes: { knativeerrordata: string } }) =>
  Buffer.from(attributes.knativeerrordata, 'base64').toString();

/** What is there in whichever order: how often each. */
const counted = (found: (string | undefined)[]) =>
  Object.fromEntries([...Map.groupBy(found, String)].map(([one, { length }]) => [one, length]));

/** The submission's id that a mail bears. */
const idOf = ({ messageId }: { messageId: string }) => /^<(.*)@/.exec(messageId)?.[1] ?? '';

/** Retries are seconds apart, and a claim lasts for a minute. */
const patient = { timeout: 240_000, interval: 500 };

describe('with the SMTP server of npm start', { timeout: 300_000 }, () => {
  let folder: Awaited<ReturnType<typeof dataFolder>>;
  let formbus: StartedFormbus;
  beforeAll(async () => {
    folder = await dataFolder();
    formbus = await startFormbus(folder.path);
  });
  const removeFaults = () => fetch(`${formbus.url}/_/mails/faults`, { method: 'DELETE' });
  afterEach(async () => void (await removeFaults()));
  afterAll(async () => {
    await formbus.end('SIGKILL');
    await folder.remove();
  });
  const Mails = v.array(v.object({ id: v.number(), to: v.array(v.string()), messageId: v.string() }));
  const mails = async () => v.parse(Mails, await get(formbus, '/_/mails'));

  it('a submission is confirmed to who submitted it; a suspected one and a form without an address are not', async () => {
    const id = await accepted(formbus, { email: 'bo@example.org' });
    await accepted(formbus, { email: 'bot@example.org', _url: 'http://spam.example' });
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ name: 'Asha', message: 'asha@example.org' });
    await fetch(`${formbus.url}/demo-form/`, { method: 'POST', headers, body });
    await expect.poll(() => waiting(formbus), patient).toEqual([]);
    expect((await mails()).map((mail) => [idOf(mail), ...mail.to])).toEqual([[id, 'bo@example.org']]);
    expect(await formbus.deadLetters()).toEqual([]);
  });

  it('while it is away, no other task waits for anything; when it is back, its backlog drains', async () => {
    await expect.poll(() => waiting(formbus), patient).toEqual([]);
    const before = (await mails()).length;
    await post(formbus, '/_/mails/faults', { kind: 'away', ms: 600_000 });
    const people = Array.from({ length: 120 }, (_, n) => `away-${n}@example.org`);
    const ids = await Promise.all(people.map((email) => accepted(formbus, { email })));
    await expect.poll(() => waiting(formbus), patient).toEqual(['send-confirmation']);
    expect(await formbus.flush()).toBe(204);
    const rows = new Set((await formbus.rows('student-data-form')).map((row) => row['id']));
    expect(ids.filter((id) => !rows.has(id))).toEqual([]);
    expect(await mails()).toHaveLength(before);

    await removeFaults();
    await expect.poll(() => waiting(formbus), patient).toEqual([]);
    const found = (await mails()).slice(0, -before);
    expect(counted(found.map(idOf))).toEqual(counted(ids));
    expect(counted(found.flatMap(({ to }) => to))).toEqual(counted(people));
    expect(await formbus.deadLetters()).toEqual([]);
  });

  it('whatever is delivered again, in another order, is mailed no second time', async () => {
    const before = await mails();
    const all = await events(formbus);
    const seqs = all.map(({ seq }) => seq).toReversed();
    const queued = await post(formbus, '/_/events/redeliver', { trigger: 'send-confirmation', seqs });
    const meant = all.filter(({ triggers }) => triggers.includes('send-confirmation'));
    expect(queued).toEqual({ queued: meant.length });
    await expect.poll(() => waiting(formbus), patient).toEqual([]);
    expect(await mails()).toEqual(before);
  });

  it('a recipient whose mailbox is full is mailed once it is not; one that stays full is a dead letter of the Trigger, which a redrive sends', async () => {
    const before = (await mails()).length;
    const Connections = v.object({ redis: v.string() });
    const redis = new Redis(v.parse(Connections, await get(formbus, '/_/connections')).redis);
    onTestFinished(() => redis.disconnect());
    const deferred = () => waitingOf(redis, 'send-confirmation');
    const tryAgain = async () => {
      await passTime(redis, 86_400_000);
      await post(formbus, '/_/schedules/send-confirmation-later', {});
    };
    // As often as they are tried: by the schedule, too, when a minute begins.
    await post(formbus, '/_/mails/faults', { kind: 'refuse', code: 452, times: 10_000 });
    const soon = await accepted(formbus, { email: 'soon@example.org' });
    await expect.poll(deferred, patient).toEqual([soon]);
    const never = await accepted(formbus, { email: 'never@example.org' });
    await expect.poll(deferred, patient).toEqual([soon, never].toSorted());
    await expect.poll(() => waiting(formbus), patient).toEqual([]);

    // The last of its tries.
    await redis.hset(`later:entry:send-confirmation:${never}`, 'failures', 100);
    await redis.zadd('later:due:send-confirmation:example.org', 1, never);
    await redis.zadd('later:destinations:send-confirmation', 1, 'example.org');
    await post(formbus, '/_/schedules/send-confirmation-later', {});
    await expect.poll(() => deadLetters(formbus), patient).toHaveLength(1);
    const [letter] = await deadLetters(formbus);
    expect([letter?.trigger, letter?.attributes.id, letter && reasonOf(letter)]).toEqual([
      'send-confirmation',
      never,
      'The recipient cannot be mailed now. SMTP: RCPT TO was answered 452',
    ]);
    await fetch(new URL('/_/mails/faults', formbus.url), { method: 'DELETE' });
    await tryAgain();
    await post(formbus, '/_/dead-letters/redrive', { ids: [letter?.id] });
    await expect.poll(async () => (await mails()).length, patient).toBe(before + 2);
    expect(counted((await mails()).slice(0, -before).map(idOf))).toEqual(counted([soon, never]));
    expect(await deferred()).toEqual([]);
  });

  it('a mail whose outcome is unknown is a dead letter, and redriving sends it once more', async () => {
    const count = (await mails()).length;
    await post(formbus, '/_/mails/faults', [
      { kind: 'drop-after' },
      { kind: 'refuse', at: 'mail', code: 554 },
    ]);
    const unknown = await accepted(formbus, { email: 'unknown@example.org' });
    await expect.poll(mails, patient).toHaveLength(count + 1);
    const refused = await accepted(formbus, { email: 'refused@example.org' });
    const isNew = (letter: { attributes: { id: string } }) =>
      [unknown, refused].includes(letter.attributes.id);
    const lettersOfThese = async () => (await deadLetters(formbus)).filter(isNew);
    await expect.poll(lettersOfThese, patient).toHaveLength(2);
    const letters = await lettersOfThese();
    const reasons = Object.fromEntries(letters.map((letter) => [letter.attributes.id, reasonOf(letter)]));
    expect(reasons).toEqual({
      [unknown]: expect.stringContaining('Whether the mail went out is unknown'),
      [refused]: expect.stringContaining('SMTP: DATA was answered 554'),
    });
    expect(await post(formbus, '/_/dead-letters/redrive', { ids: letters.map(({ id }) => id) })).toEqual({
      queued: 2,
    });
    await expect.poll(() => waiting(formbus), patient).toEqual([]);
    const found = (await mails()).slice(0, -count).map(idOf);
    expect(counted(found)).toEqual(counted([unknown, unknown, refused]));
  });
});

describe('with kills', () => {
  it('500 submissions are mailed at most once each, and none is missing but those in the dead letters, which a redrive sends', async () => {
    const folder = await dataFolder();
    const dir = join(folder.path, 'smtp');
    const smtp = await startSmtpChild(dir);
    const env = { SMTP_URL: smtp.url, SMTP_TLS: 'optional' };
    const data = join(folder.path, 'data');
    let formbus = await startFormbus(data, { env });
    const port = Number(new URL(formbus.url).port);
    const submitted = new Map<string, string>();
    let next = 0;

    const killTask = async () => {
      for (const pid of (await formbus.status('send-confirmation')).pids) process.kill(pid, 'SIGKILL');
    };
    const killSmtp = async () => {
      await smtp.kill();
      await smtp.restart();
    };
    const killRunner = async () => {
      await formbus.end('SIGKILL');
      formbus = await startFormbus(data, { env, port });
    };
    /** What is done when so many were accepted. */
    const plan = new Map(
      Array.from({ length: 15 }, (_, n) => [
        (n + 1) * 30,
        [killTask, killSmtp, killTask, killSmtp, killRunner][n % 5],
      ]),
    );
    onTestFailed(() => console.log(formbus.output().slice(-10_000)));
    let acting = Promise.resolve();
    const person = async () => {
      while (submitted.size < 500) {
        const email = `person-${(next += 1)}@example.org`;
        const id = await submit(formbus.url, { email });
        if (id !== undefined) submitted.set(id, email);
        for (const [at, action] of plan) {
          if (submitted.size < at) continue;
          plan.delete(at);
          acting = acting.then(action);
          await acting;
        }
      }
    };
    await Promise.all(Array.from({ length: 8 }, person));
    await expect.poll(() => waiting(formbus), patient).toEqual([]);

    const mails = () => {
      const store = openMailStore(dir);
      const all = store.list(Number.MAX_SAFE_INTEGER, 10_000);
      store.close();
      return Map.groupBy(all, idOf);
    };
    const letters = await deadLetters(formbus);
    const dead = letters.map(({ attributes }) => attributes.id);
    const before = mails();
    expect([...before].filter(([, { length }]) => length > 1)).toEqual([]);
    expect([...submitted.keys()].filter((id) => !before.has(id) && !dead.includes(id))).toEqual([]);
    for (const [id, email] of submitted) expect(before.get(id)?.[0]?.to ?? [email]).toEqual([email]);
    expect(new Set(letters.map(({ trigger }) => trigger))).toEqual(
      new Set(dead.length > 0 ? ['send-confirmation'] : []),
    );
    for (const letter of letters) expect(reasonOf(letter)).toContain('Whether the mail went out is unknown');
    const out = dead.filter((id) => before.has(id)).length;
    console.log(`mailed: ${before.size}; nobody knows of ${dead.length}, of which ${out} are out`);

    await post(formbus, '/_/dead-letters/redrive', { ids: letters.map(({ id }) => id) });
    await expect.poll(() => waiting(formbus), patient).toEqual([]);
    const after = mails();
    expect([...submitted.keys()].filter((id) => !after.has(id))).toEqual([]);
    for (const [id, found] of after)
      expect(found).toHaveLength((before.get(id)?.length ?? 0) + (dead.includes(id) ? 1 : 0));
    expect(plan.size).toBe(0);
    expect(await formbus.end('SIGTERM')).toBe(0);
    await smtp.close();
    await folder.remove();
  }, 600_000);
});
