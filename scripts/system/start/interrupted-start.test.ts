import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { pidsOf, signal } from '../../chaos/faults/victims.ts';
import { processesOf, startFormbus, temporaryFolder } from '../../testing/formbus.ts';

/** As Ctrl-C does in a terminal: a signal to all that are in the foreground, and npm hands it on to what it runs. */
async function interruptWhen(
  data: string,
  isTime: () => boolean,
): Promise<{ code: unknown; output: string }> {
  const script = join(import.meta.dirname, '../../commands/start.ts');
  const child = spawn(process.execPath, [script, '--port', '0', '--data', data], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => void (output += chunk.toString()));
  const closed = once(child, 'close');
  while (!isTime() && child.exitCode === null) await sleep(2);
  process.kill(-(child.pid ?? 0), 'SIGINT');
  await sleep(50);
  child.kill('SIGINT');
  const [code] = await closed;
  return { code, output };
}

// In the order in which they appear at the first start.
it.each(['lock', 'postgres/data.new', 'postgres/data/postmaster.pid'])(
  'Ctrl-C when %s has appeared ends a start quietly, leaves no process behind, and the next start works',
  async (file) => {
    const folder = await temporaryFolder();
    onTestFinished(folder.remove);
    const ended = await interruptWhen(folder.path, () => existsSync(join(folder.path, file)));
    expect(ended).toEqual({ code: 0, output: '\nStopping; once more stops at once.\n' });
    expect(processesOf(folder.path)).toEqual([]);
    const formbus = await startFormbus(folder.path);
    expect(await formbus.end('SIGTERM')).toBe(0);
  },
  120_000,
);

it('servers that hang are killed at the end, quietly and within 10 s', async () => {
  const folder = await temporaryFolder();
  onTestFinished(folder.remove);
  const formbus = await startFormbus(folder.path);
  for (const pid of [...pidsOf(formbus.pid, 'redis'), ...pidsOf(formbus.pid, 'postgres')])
    signal(pid, 'SIGSTOP');
  const before = formbus.output().length;
  expect(await formbus.end('SIGTERM')).toBe(0);
  expect(formbus.output().slice(before)).not.toContain('it is not closed after');
  expect(processesOf(folder.path)).toEqual([]);
});
