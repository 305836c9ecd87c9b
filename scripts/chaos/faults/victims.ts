import { readdirSync, readFileSync } from 'node:fs';

/** The processes of a service, of `redis`, `postgres`, `kafka` or the `runner`, including those that are starting. */
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

/** Sends a signal; ignores a process that has ended. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}

export interface Resident {
  /** The Service, or `runner`, `redis`, `postgres`, `kafka`. */
  name: string;
  pid: number;
  /** Its resident memory. */
  mb: number;
}

/** The runner, all its processes, and Redis servers that it did not start. */
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
