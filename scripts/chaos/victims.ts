import { readdirSync, readFileSync } from 'node:fs';

/** The processes of a service, of `redis` or of the `runner`, starting ones included; empty when nothing of it runs. */
export function pidsOf(runner: number, what: string): number[] {
  if (what === 'runner') return isRunning(runner) ? [runner] : [];
  if (what === 'redis') return childrenOf(runner, 'redis-server');
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

/** Resident memory in MB of the runner, its Redis and the largest instance of each service that runs. */
export function memoryOf(runner: number): Record<string, number> {
  const instances = childrenOf(runner, 'main.mjs').toSorted((a, b) => residentMb(a) - residentMb(b));
  return {
    runner: residentMb(runner),
    ...Object.fromEntries(childrenOf(runner, 'redis-server').map((pid) => ['redis', residentMb(pid)])),
    ...Object.fromEntries(instances.map((pid) => [serviceOf(pid), residentMb(pid)])),
  };
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
