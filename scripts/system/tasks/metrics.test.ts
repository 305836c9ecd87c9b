import { afterAll, beforeAll, expect, it } from 'vitest';
import * as v from 'valibot';
import { postJson, student } from '../../../functions/testing/sink.ts';
import { startFormbus, dataFolder, type StartedFormbus } from '../../testing/formbus.ts';

let folder: Awaited<ReturnType<typeof dataFolder>>;
let formbus: StartedFormbus;
let page: string;
beforeAll(async () => {
  folder = await dataFolder();
  formbus = await startFormbus(folder.path);
  const connections = await (await fetch(`${formbus.url}/_/connections`)).json();
  page = `${v.parse(v.object({ services: v.string() }), connections).services}/metrics/metrics`;
});
afterAll(async () => {
  await formbus?.end('SIGTERM');
  await folder.remove();
});

/** The sum of a metric over all its series that have these labels. */
async function total(name: string, labels: Record<string, string> = {}): Promise<number> {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
  const text = await (await fetch(page)).text();
  const lines = text.split('\n').filter((line) => new RegExp(`^${name}[{ ]`).test(line));
  const found = lines.filter((line) => wanted.every((one) => line.includes(one)));
  return found.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

async function end(service: string, signal: NodeJS.Signals): Promise<void> {
  const { pids } = await formbus.status(service);
  for (const pid of pids) process.kill(pid, signal);
  await expect.poll(async () => (await formbus.status(service)).pids).toEqual([]);
}

const submit = async (fields: Record<string, string>, headers: Record<string, string> = {}) =>
  (await postJson(`${formbus.url}/student-data-form/`, fields, headers)).status;

it('has the right totals, although functions come, go and are killed in between', async () => {
  const slang = { ...student, name: 'Bullshit' };
  expect(await submit(student, { 'idempotency-key': 'one' })).toBe(202);
  expect(await submit(student, { 'idempotency-key': 'one' })).toBe(202);
  expect(await submit({ ...student, email: 'none' })).toBe(422);
  expect(await submit(slang)).toBe(202);
  const form = { service: 'student-data-form', form: 'student-data-form' };
  const accepted = () => total('formbus_submissions_accepted_total', form);
  await expect.poll(accepted).toBe(3);
  // A delivery that comes during another one of the same event is answered 503, and comes again.
  const done = { service: 'send-confirmation', code: '204' };
  await expect.poll(() => total('formbus_task_events_total', done)).toBe(3);
  await expect.poll(() => total('formbus_rows_buffered_total')).toBe(3);
  await expect.poll(() => total('formbus_duplicates_total', { service: 'sheets-buffer' })).toBe(1);
  // What is pushed is safe from then on, however the function ends.
  for (const service of ['student-data-form', 'sheets-buffer', 'send-confirmation'])
    await end(service, 'SIGKILL');
  expect(await formbus.flush()).toBe(204);
  expect(await submit(student)).toBe(202);
  // What is not is pushed at the end that a function is told of, as when it goes to zero.
  await end('student-data-form', 'SIGTERM');
  await expect.poll(accepted).toBe(4);
  await expect.poll(async () => (await formbus.status('sheets-flush')).instances).toBe(0);
  expect(await formbus.flush()).toBe(204);
  await end('sheets-flush', 'SIGTERM');

  // Each minute there is one more.
  expect((await formbus.status('sheets-flush')).coldStarts).toBeGreaterThanOrEqual(2);
  await expect.poll(() => total('formbus_flush_seconds_count')).toBeGreaterThanOrEqual(2);
  const calls = { method: 'batchUpdate', code: '200' };
  await expect.poll(() => total('formbus_sheets_calls_total', calls)).toBeGreaterThanOrEqual(2);
  const expected: [name: string, labels: Record<string, string>, value: number][] = [
    ['formbus_submissions_accepted_total', form, 4],
    ['formbus_submissions_refused_total', { ...form, code: '422', reason: 'fields' }, 1],
    ['formbus_publish_seconds_count', form, 4],
    ['formbus_duplicates_total', { service: 'sheets-buffer' }, 1],
    ['formbus_duplicates_total', { service: 'archive' }, 1],
    ['formbus_duplicates_total', { service: 'send-confirmation' }, 1],
    // The row for moderators is one, too.
    ['formbus_rows_buffered_total', { form: form.form }, 4],
    ['formbus_flagged_total', { form: form.form }, 1],
    ['formbus_archived_total', { form: form.form }, 3],
    ['formbus_mails_total', { outcome: 'sent' }, 3],
    ['formbus_flush_rows_total', { sheet: 'formbus' }, 4],
    ['formbus_buffer_rows', { sheet: 'formbus' }, 0],
    ['formbus_redis_up', {}, 1],
  ];
  for (const [name, labels, value] of expected) {
    await expect.poll(async () => [name, labels, await total(name, labels)]).toEqual([name, labels, value]);
  }
});
