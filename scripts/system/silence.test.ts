import { afterAll, beforeAll, expect, it } from 'vitest';
import * as v from 'valibot';
import { student } from '../../functions/testing/sink.ts';
import { startFormbus, dataFolder, type StartedFormbus } from '../testing/formbus.ts';

/** Stands in everything that the person of this test types, however it is capitalised. */
const marker = 'qzxmarker';

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

async function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<number> {
  const answer = await fetch(formbus.url + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'idempotency-key': crypto.randomUUID() + marker,
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    redirect: 'manual',
  });
  await answer.text();
  return answer.status;
}

const Waiting = v.array(v.object({ waiting: v.array(v.string()) }));
const Letters = v.array(v.object({ trigger: v.string() }));

it('no process says anywhere what a person typed: not the forms, not one of the tasks, whatever befalls the submission', async () => {
  const typed = {
    ...student,
    name: `Asha ${marker}`,
    roll: marker,
    university: `${marker} shit`,
    email: `${marker}@example.org`,
  };
  expect(await post('/_/mails/faults', { kind: 'refuse', at: 'recipient', code: 550 })).toBeLessThan(300);
  expect(await post('/student-data-form/', typed)).toBe(202);
  await expect
    .poll(async () => v.parse(Letters, await formbus.deadLetters()).map(({ trigger }) => trigger))
    .toEqual(['send-confirmation']);
  expect(await post('/student-data-form/', { ...typed, _url: marker })).toBe(202);
  expect(await post('/student-data-form/', { ...typed, [marker]: marker }, { accept: 'text/html' })).toBe(
    303,
  );
  expect(await post('/demo-form/', { name: marker, message: `${marker} fuck` })).toBe(202);
  expect(await post('/student-data-form/', { ...typed, email: marker, cgpa: marker, gender: marker })).toBe(
    422,
  );
  expect(await post('/demo-form/', `{"name": "${marker}"`)).toBe(400);
  expect(await post('/demo-form/', { [marker]: [[[[[[[[[marker]]]]]]]]] })).toBe(400);
  expect(await post('/demo-form/', marker.repeat(20_000))).toBe(413);

  const waiting = async () =>
    v.parse(Waiting, await (await fetch(`${formbus.url}/_/events`)).json()).flatMap((event) => event.waiting);
  await expect.poll(waiting).toEqual([]);
  expect(await formbus.flush()).toBe(204);
  expect(JSON.stringify(await formbus.rows('student-data-form'))).toContain(marker);
  expect(await post('/_/schedules/audit', '')).toBeLessThan(300);

  // Every function has run, and what they log is in the output.
  const tasks = [
    'archive',
    'audit',
    'demo-task',
    'detect-slang',
    'metrics',
    'send-confirmation',
    'sheets-buffer',
  ];
  for (const service of [...tasks, 'sheets-flush', 'demo-form', 'student-data-form'])
    expect((await formbus.status(service)).coldStarts, service).toBeGreaterThan(0);
  for (const said of ['accepted', 'buffered', 'seen'])
    await expect.poll(() => formbus.output()).toContain(said);
  await formbus.end('SIGTERM');
  expect(formbus.output().toLowerCase()).not.toContain(marker);
});
