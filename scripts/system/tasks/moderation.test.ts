import { afterAll, beforeAll, expect, it } from 'vitest';
import * as v from 'valibot';
import { startFormbus, dataFolder, type StartedFormbus } from '../../testing/formbus.ts';

let folder: Awaited<ReturnType<typeof dataFolder>>;
let formbus: StartedFormbus;
beforeAll(async () => {
  folder = await dataFolder();
  formbus = await startFormbus(folder.path);
});
afterAll(async () => {
  await formbus.end('SIGKILL');
  await folder.remove();
});

async function submit(fields: Record<string, string>): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify(fields);
  const answer = await fetch(`${formbus.url}/demo-form/`, { method: 'POST', headers, body });
  expect(answer.status).toBe(202);
  return v.parse(v.object({ id: v.string() }), await answer.json()).id;
}

const Events = v.array(
  v.object({
    seq: v.number(),
    attributes: v.looseObject({ id: v.string(), type: v.string(), flagged: v.optional(v.string()) }),
    waiting: v.array(v.string()),
  }),
);
const events = async () => v.parse(Events, await (await fetch(`${formbus.url}/_/events`)).json());
const analyzed = async () => (await events()).filter(({ attributes }) => attributes.type === 'form.analyzed');

/** Rows of a tab once everything that is in the log was delivered and flushed. */
async function settledRows(tab: string) {
  await expect
    .poll(async () => (await events()).flatMap(({ waiting }) => waiting), { timeout: 60_000 })
    .toEqual([]);
  expect(await formbus.flush()).toBe(204);
  return formbus.rows(tab);
}

it('slang is found by one task and shown to moderators by another; clean submissions are not, suspected ones once', async () => {
  const slang = await submit({ name: 'Asha', message: 'Nobody answers, so f.u.c.k this, saale kutte!' });
  const clean = await submit({ name: 'Charles Dickens', message: 'From Scunthorpe' });
  const suspected = await submit({ name: 'bot', message: 'shit', _url: 'http://spam.example' });

  await expect.poll(async () => (await analyzed()).length, { timeout: 60_000 }).toBe(2);
  const flags = (await analyzed()).map(({ attributes }) => [attributes.id, attributes.flagged]);
  expect(Object.fromEntries(flags)).toEqual({
    [`${slang}/detect-slang`]: 'true',
    [`${clean}/detect-slang`]: 'false',
  });
  const rows = await settledRows('Moderation');
  expect(rows).toHaveLength(2);
  expect(rows).toContainEqual(
    expect.objectContaining({
      id: `${slang}/detect-slang`,
      type: 'form.analyzed',
      form: 'demo-form',
      'analyzed.submission': slang,
      'analyzed.fields': 'message',
      'analyzed.terms': 'fuck, saala',
      'analyzed.excerpts':
        'message: Nobody answers, so [f.u.c.k] this, saale kutte!\nmessage: … ody answers, so f.u.c.k this, [saale kutte]!',
    }),
  );
  expect(rows).toContainEqual(
    expect.objectContaining({ id: suspected, type: 'form.suspected', name: 'bot', message: 'shit' }),
  );
  // It flags and never blocks.
  const ids = (await settledRows('demo-form')).map(({ id }) => id);
  expect(ids).toEqual([slang, clean]);
});

it('whatever is delivered to both tasks again, in whichever order, changes nothing', async () => {
  const before = await settledRows('Moderation');
  const redeliver = async (trigger: string) => {
    const seqs = (await events()).map(({ seq }) => seq).toReversed();
    const body = JSON.stringify({ trigger, seqs });
    const answer = await fetch(`${formbus.url}/_/events/redeliver`, { method: 'POST', body });
    return v.parse(v.object({ queued: v.number() }), await answer.json()).queued;
  };
  const replies = (await analyzed()).length;
  expect(await redeliver('sheets-buffer-moderation')).toBe(2);
  expect(await redeliver('detect-slang')).toBe(2);
  await expect.poll(async () => (await analyzed()).length, { timeout: 60_000 }).toBe(replies + 2);
  expect(await settledRows('Moderation')).toEqual(before);
  expect(await formbus.deadLetters()).toEqual([]);
});
