import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it, onTestFinished } from 'vitest';
import * as v from 'valibot';
import { startFormbus, dataFolder } from '../../testing/formbus.ts';

async function run(url: string, ...args: string[]) {
  const script = join(import.meta.dirname, '../../commands/replay.ts');
  const child = spawn(process.execPath, [script, '--url', url, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const [output, complaint] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = v.parse(v.tuple([v.number(), v.unknown()]), await exited);
  return { output, complaint, code };
}

it("replays a form's past to one task and no other", async () => {
  const folder = await dataFolder();
  onTestFinished(folder.remove);
  const formbus = await startFormbus(folder.path);
  onTestFinished(async () => void (await formbus.end('SIGTERM')));
  for (const n of [1, 2, 3]) {
    const body = JSON.stringify({ name: `Asha ${n}`, message: 'x' });
    const headers = { 'content-type': 'application/json' };
    const answer = await fetch(`${formbus.url}/demo-form/`, { method: 'POST', headers, body });
    expect(answer.status).toBe(202);
  }
  const seen = () => formbus.output().match(/demo-task +seen/g)?.length ?? 0;
  await expect.poll(seen).toBe(3);
  const asked = ['--form', 'demo-form', '--task', 'demo-task', '--rate', '2'];
  expect((await run(formbus.url, ...asked, '--dry-run')).output).toBe(
    '3 events would be delivered to demo-task\n',
  );
  expect((await run(formbus.url, ...asked)).output).toBe('3 events on the way to demo-task\n');
  await expect.poll(seen).toBe(6);
  expect((await run(formbus.url, ...asked.with(1, 'student-data-form'))).output).toContain('0 events');
  expect(await run(formbus.url, ...asked.with(1, 'nobody'))).toMatchObject({
    code: 2,
    output: '',
    complaint: 'there is no form nobody and no submission of it; there are demo-form, student-data-form\n',
  });
  await formbus.flush();
  expect(await formbus.rows('demo-form')).toHaveLength(3);
  expect((await run(formbus.url, ...asked.with(3, 'no-task'))).complaint).toContain(
    'there is no Trigger no-task; there are ',
  );
}, 60_000);
