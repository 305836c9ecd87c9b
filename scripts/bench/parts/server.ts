import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { accepts, takePort } from '../../runner/processes/ports.ts';
import type { Cores } from './cores.ts';

export interface Server {
  url: URL;
  pid: number;
  stop(): Promise<void>;
}

/**
 * Starts `node ARGS` with PORT, on the server's core, and waits until it accepts connections. Its log is discarded, because reading it
 * would be measured.
 * @throws Error when it exits before that
 */
export async function startServer(
  args: string[],
  { cores, env = {} }: { cores: Cores; env?: Record<string, string> },
): Promise<Server> {
  const port = await takePort();
  const [command, ...rest] = [...cores.server, process.execPath, ...args];
  if (command === undefined) throw new Error('no command');
  const child = spawn(command, rest, {
    env: { PATH: process.env['PATH'], PORT: String(port), HOST: '127.0.0.1', ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exited = once(child, 'exit');
  // Ends with this process in any case, so that the core is free for the next benchmark.
  process.once('exit', () => child.kill('SIGKILL'));
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`${args.join(' ')} exited with ${child.exitCode}`);
    await sleep(5);
  }
  return {
    url: new URL(`http://127.0.0.1:${port}/`),
    pid: child.pid ?? 0,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
      await exited;
    },
  };
}
