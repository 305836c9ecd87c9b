import { setTimeout as sleep } from 'node:timers/promises';
import { startChild } from '../processes/child.ts';
import { type Connections, openConnections } from './connections.ts';
import { accepts, releasePort, takePort } from '../processes/ports.ts';

/** One process of a Service, listening on a port of its own. */
export interface Instance {
  pid: number;
  port: number;
  connections: Connections;
  /** How it ended, in words. Never rejects. */
  exited: Promise<string>;
  /** SIGTERM, and SIGKILL after `graceMs`. Resolves when the process is gone. */
  stop(graceMs?: number): Promise<void>;
}

export interface InstanceOptions {
  /** The Service's name. */
  name: string;
  command: string;
  args: string[];
  /** The folder of the bundle. */
  cwd: string;
  /** The Service's own environment; all else that the process sees is made here. */
  env: Record<string, string>;
  /** Where Node keeps compiled code between starts. */
  compileCache?: string;
  onLine?: (line: string) => void;
  startTimeoutMs?: number;
  /** Cancels the start. */
  signal?: AbortSignal;
}

/**
 * Starts an instance and waits until it accepts connections.
 * @throws Error with its last lines of stderr when it ends before, or does not listen in time
 */
export async function startInstance(options: InstanceOptions): Promise<Instance> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await takePort();
    try {
      return await startOn(port, options);
    } catch (error) {
      releasePort(port);
      // Between the system's handing the port out and the instance's listening, another process took it.
      if (!String(error).includes('EADDRINUSE') || attempt === 3) throw error;
    }
  }
}

/** What a process of a Service sees of this machine, apart from the Service's own environment. */
export function instanceEnv(
  name: string,
  env: Record<string, string>,
  compileCache?: string,
): Record<string, string> {
  const { PATH = '/usr/bin:/bin', HOME = '/', LANG = 'C.UTF-8' } = process.env;
  return {
    PATH,
    HOME,
    LANG,
    ...(compileCache === undefined ? {} : { NODE_COMPILE_CACHE: compileCache }),
    ...env,
    K_SERVICE: name,
    K_CONFIGURATION: name,
    K_REVISION: `${name}-00001`,
    HOST: '127.0.0.1',
  };
}

async function startOn(
  port: number,
  { name, command, args, cwd, env, compileCache, onLine, startTimeoutMs = 30_000, signal }: InstanceOptions,
): Promise<Instance> {
  signal?.throwIfAborted();
  const child = await startChild({
    command,
    args,
    cwd,
    env: { ...instanceEnv(name, env, compileCache), PORT: String(port) },
    ...(onLine ? { onLine } : {}),
  });
  const deadline = performance.now() + startTimeoutMs;
  while (!(await accepts(port))) {
    if (!child.running()) {
      throw new Error(
        `${name} ${await child.exited} before it listened on its PORT${quote(child.lastLines())}`,
      );
    }
    if (signal?.aborted || performance.now() > deadline) {
      await child.stop(0);
      signal?.throwIfAborted();
      throw new Error(
        `${name} did not listen on its PORT within ${startTimeoutMs} ms${quote(child.lastLines())}`,
      );
    }
    await sleep(5);
  }
  const connections = openConnections(port);
  const exited = child.exited.finally(() => {
    connections.close();
    releasePort(port);
  });
  return {
    pid: child.pid,
    port,
    connections,
    exited,
    async stop(graceMs = 10_000) {
      // Idle connections would only keep the instance from ending.
      connections.close();
      await child.stop(graceMs);
    },
  };
}

function quote(lines: string): string {
  return lines === '' ? '' : `:\n${lines}`;
}
