import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished, vi } from 'vitest';
import * as v from 'valibot';
import { publish, startBroker, startSubscriber, triggerOf } from '../../runner/broker/broker-testing.ts';
import { openGateway } from '../../runner/gateway/gateway.ts';

/** A Broker whose Triggers "mail" and "mail-2" refuse all until they are repaired, and one that takes all. */
async function open() {
  let isBroken = true;
  const failing = await startSubscriber(() =>
    isBroken ? { status: 400, body: 'no address\u001b[2J' } : { status: 204 },
  );
  const other = await startSubscriber(() => ({ status: 204 }));
  const broker = await startBroker({
    triggers: ['mail', 'mail-2', 'other'].map((name) => triggerOf(name)),
    send: (to, ...rest) =>
      'service' in to && to.service === 'other' ? other.send(to, ...rest) : failing.send(to, ...rest),
  });
  const gateway = await openGateway({ port: 0, host: '127.0.0.1' });
  gateway.open({
    forms: [],
    services: { request: () => {}, status: () => [] },
    deadLetters: broker.deadLetters,
    redrive: broker.redrive,
    events: broker.events,
    redeliver: broker.redeliver,
    connections: {
      redis: 'redis://127.0.0.1:1',
      broker: '',
      services: '',
      data: '',
      sheets: null,
      kafka: null,
    },
    metrics: () => Promise.resolve(''),
    waiting: () => Promise.resolve({ rows: 0, next: null }),
    delivered: async () => {},
    schedules: { status: () => [], fire: () => undefined },
    sheets: undefined,
  });
  onTestFinished(() => gateway.close(0));
  for (const id of ['1', '2']) await publish(broker.url, { id, form: `form-${id}` }, `{"n":${id}}`);
  await vi.waitFor(() => expect(broker.deadLetters()).toHaveLength(4));
  const run = async (...args: string[]) => {
    const script = join(import.meta.dirname, '../../commands/dead-letters.ts');
    const child = spawn(process.execPath, [script, '--url', gateway.url, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exited = once(child, 'exit');
    const [output, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]);
    const [code] = v.parse(v.tuple([v.number(), v.unknown()]), await exited);
    return { output, complaint, code };
  };
  const failed = () => failing.received.map(({ headers }) => headers['ce-id']);
  return { run, failed, other, repair: () => void (isBroken = false), broker };
}

it('lists what could not be delivered and why, by what is asked for, with nothing in it that steers a terminal', async () => {
  const { run } = await open();
  const { output, code } = await run('list');
  expect(code).toBe(0);
  expect(output).toMatch(/mail {2}form-1 {2}1 {2}400 {2}no address \[2J\n/);
  expect(output).toContain('4 in all');
  expect(output).toContain('      2  mail-2  400');
  expect(output).not.toContain('\u001b');
  const json = async (...args: string[]): Promise<unknown> =>
    JSON.parse((await run('list', '--json', ...args)).output);
  expect(await json('--form', 'form-2', '--task', 'mail')).toMatchObject([{ event: '2', task: 'mail' }]);
  expect(await json('1', '--error', '400', '--since', '1h')).toHaveLength(2);
  expect(await json('--error', 'none')).toEqual([]);
  const { output: shown } = await run('show', '2', '--task', 'mail');
  expect(shown).toContain('data        {"n":2}');
});

it('sends again what is chosen, to the task that failed only, and once', async () => {
  const { run, failed, other, repair, broker } = await open();
  expect((await run('redrive')).complaint).toContain('say which');
  repair();
  const before = failed().length;
  expect((await run('redrive', '--form', 'form-1', '--dry-run')).output).toContain('2 in all');
  expect((await run('redrive', '--form', 'form-1')).output).toBe('sent again: 2 of 2\n');
  await vi.waitFor(() => expect(failed().slice(before)).toEqual(['1', '1']));
  expect((await run('redrive', '--form', 'form-1')).output).toBe('sent again: 0 of 0; 2 were before\n');
  expect((await run('list')).output).toContain('2 in all');
  expect((await run('list', '--redriven')).output).toContain('(sent again)');
  await run('redrive', '--all');
  await vi.waitFor(() => expect(failed()).toHaveLength(before + 4));
  await broker.idle(5_000);
  expect(other.received).toHaveLength(2);
  expect((await run('list')).output).toBe('There are no dead letters.\n');
});

it('what fails again is a dead letter again', async () => {
  const { run, failed } = await open();
  await run('redrive', '1', '--task', 'mail');
  await vi.waitFor(() => expect(failed()).toHaveLength(5));
  await expect.poll(async () => (await run('list')).output).toContain('4 in all');
});

it('fails when a letter could not be sent, and says how many, for which task and what to do', async () => {
  const { run, repair, broker } = await open();
  repair();
  broker.reconcile([triggerOf('mail')]);
  const { output, complaint, code } = await run('redrive', '--all');
  expect([code, output]).toEqual([1, 'sent again: 2 of 4\n']);
  expect(complaint).toMatch(/^not sent: 2, for mail-2: .* repair it, and run this again\.\n$/);
  broker.reconcile([triggerOf('mail-2')]);
  expect(await run('redrive', '--all')).toEqual({
    code: 0,
    output: 'sent again: 2 of 2; 2 were before\n',
    complaint: '',
  });
});

it('says what is wrong', async () => {
  const { run } = await open();
  expect((await run('lst')).complaint).toContain('there are list, show and redrive');
  expect((await run('list', '--since', 'yesterday')).complaint).toContain('not yesterday');
  expect((await run('list', '--error', 'none of them')).complaint).toContain('not none of them');
  for (const command of ['list', 'show', 'redrive'])
    expect(await run(command, '1', 'nowhere')).toMatchObject({
      code: 2,
      complaint: 'there is no dead letter nowhere; list, with --redriven, has all\n',
    });
  for (const command of ['list', 'show'])
    expect((await run(command, '--task', 'post')).output).toBe('There are no such dead letters.\n');
  const { complaint, code } = await run('list', '--url', 'http://127.0.0.1:9');
  expect([complaint, code]).toEqual([expect.stringContaining('start it with npm start'), 2]);
});
