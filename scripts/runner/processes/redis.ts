import { mkdir, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startChild, type Child } from './child.ts';
import { keepRunning } from './keep-running.ts';
import type { Log } from '../log.ts';
import { accepts, releasePort, takePort } from './ports.ts';

export interface Redis {
  url: string;
  pid(): number;
  /** SIGTERM (what is written is on disk already), SIGKILL after `graceMs`. */
  close(graceMs?: number): Promise<void>;
}

const startTimeoutMs = 10_000;

/**
 * Runs a redis-server whose data is in `dir`, with the settings that the buffer needs: every write is on disk before its
 * answer, nothing is evicted. Restarts it, on the same port, when it dies.
 * @throws Error with its last lines when it does not come up
 */
export async function startRedis({ dir, log }: { dir: string; log: Log }): Promise<Redis> {
  await mkdir(dir, { recursive: true });
  const folder = await realpath(dir);
  const portFile = join(folder, 'port');
  await endLeftover(folder, portFile, log);
  const { port, child } = await startOnFreePort(folder, portFile);
  const kept = keepRunning({
    from: 'redis',
    command: 'redis-server',
    first: child,
    start: () => startOn(port, folder),
    log,
  });

  return {
    url: `redis://127.0.0.1:${port}`,
    pid: kept.pid,
    async close(graceMs = 3_000) {
      await kept.close(graceMs);
      releasePort(port);
      await rm(portFile, { force: true });
    },
  };
}

async function startOnFreePort(folder: string, portFile: string): Promise<{ port: number; child: Child }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await takePort();
    // Written first: whatever happens next, the next runner finds this server.
    await writeFile(portFile, String(port));
    try {
      return { port, child: await startOn(port, folder) };
    } catch (error) {
      releasePort(port);
      if (!String(error).includes('Address already in use') || attempt === 3) throw error;
    }
  }
}

async function startOn(port: number, folder: string): Promise<Child> {
  const settings = {
    port,
    bind: '127.0.0.1',
    'protected-mode': 'yes',
    dir: folder,
    appendonly: 'yes',
    appendfsync: 'always',
    'maxmemory-policy': 'noeviction',
    save: '',
    daemonize: 'no',
  };
  const { PATH = '/usr/bin:/bin' } = process.env;
  const child = await startChild({
    command: 'redis-server',
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
    cwd: folder,
    env: { PATH, LANG: 'C.UTF-8' },
  });
  const deadline = performance.now() + startTimeoutMs;
  while (!(await isReady(port))) {
    if (!child.running()) throw new Error(`redis-server ${await child.exited}:\n${child.lastLines()}`);
    if (performance.now() > deadline) {
      await child.stop(0);
      throw new Error(`redis-server was not ready within ${startTimeoutMs} ms:\n${child.lastLines()}`);
    }
    await sleep(5);
  }
  return child;
}

/** While it loads its data it answers PING with an error. */
async function isReady(port: number): Promise<boolean> {
  return (await command(port, 'PING').catch(() => '')).startsWith('+PONG');
}

/**
 * Where a killed runner could not take its redis-server with it, that one still writes to the folder; two writers would
 * ruin the data. It is known by its port and by the folder that it says it uses.
 */
async function endLeftover(folder: string, portFile: string, log: Log) {
  const port = Number(await readFile(portFile, 'utf8').catch(() => ''));
  if (!port || !(await accepts(port))) return;
  const reply = await command(port, 'CONFIG GET dir').catch(() => '');
  if (!reply.split('\r\n').includes(folder)) return;
  log.warn(
    { from: 'redis', port },
    'a redis-server of an earlier run still uses the data folder; it is shut down',
  );
  // It answers a SHUTDOWN that works by closing the connection.
  await command(port, 'SHUTDOWN').catch(() => '');
  const deadline = performance.now() + startTimeoutMs;
  while (await accepts(port)) {
    if (performance.now() > deadline) {
      throw new Error(
        `the redis-server on port ${port} still uses ${folder} and does not stop; stop it by hand`,
      );
    }
    await sleep(10);
  }
}

/** Sends one inline command and returns the beginning of the reply, as it came. */
function command(port: number, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port }, () => socket.write(`${line}\r\n`));
    const fail = (why: string) => {
      socket.destroy();
      reject(new Error(`redis on port ${port} ${why} (${line})`));
    };
    socket.setTimeout(2_000, () => fail('does not answer'));
    socket.once('error', (error) => fail(error.message));
    socket.once('close', () => fail('closed the connection'));
    socket.once('data', (reply) => {
      resolve(reply.toString());
      socket.destroy();
    });
  });
}
