import { readdirSync, readFileSync } from 'node:fs';

/** The processes of a service, of `redis`, `postgres`, `kafka` or of the `runner`, starting ones included; empty when nothing of it runs. */
export function pidsOf(runner: number, what: string): number[] {
  if (what === 'runner') return isRunning(runner) ? [runner] : [];
  if (what === 'redis') return childrenOf(runner, 'redis-server');
  if (what === 'postgres') return childrenOf(runner, 'bin/postgres');
  if (what === 'kafka') return childrenOf(runner, 'kafka.Kafka');
  return childrenOf(runner, 'main.mjs').filter((pid) => serviceOf(pid) === what);
}

export function isRunning(pid: number): boolean {
  return procFile(pid, 'status') !== '';
}

/** Sends a signal; a process that is gone already is none of our business. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended meanwhile.
  }
}

export interface Resident {
  /** Of the Service, or `runner`, `redis`, `postgres`, `kafka`. */
  name: string;
  pid: number;
  /** What it holds of this machine's memory. */
  mb: number;
}

/** The runner and all that it runs, and the Redis servers that it does not run itself. */
export function residents(runner: number, otherRedis: number[] = []): Resident[] {
  const named = (name: string, pids: number[]) => pids.map((pid) => ({ name, pid, mb: residentMb(pid) }));
  const instances = childrenOf(runner, 'main.mjs').flatMap((pid) => named(serviceOf(pid), [pid]));
  const others = ['runner', 'redis', 'postgres', 'kafka'].flatMap((name) =>
    named(name, pidsOf(runner, name)),
  );
  return [...others, ...named('redis', otherRedis), ...instances].filter(
    ({ name, mb }) => name !== '' && mb > 0,
  );
}

function childrenOf(parent: number, command: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const parentId = /^PPid:\t(\d+)$/m.exec(procFile(pid, 'status'))?.[1];
      return Number(parentId) === parent && procFile(pid, 'cmdline').includes(command);
    });
}

function serviceOf(pid: number): string {
  return /(?:^|\0)K_SERVICE=([^\0]*)/.exec(procFile(pid, 'environ'))?.[1] ?? '';
}

function residentMb(pid: number): number {
  return Math.round(Number(/^VmRSS:\s+(\d+) kB$/m.exec(procFile(pid, 'status'))?.[1] ?? 0) / 1024);
}

function procFile(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
