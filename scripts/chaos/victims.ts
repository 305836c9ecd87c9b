import { readdirSync, readFileSync } from 'node:fs';
import type { StartedFormbus } from '../testing.ts';

/** The process ids of a service's instances, of `redis` or of the `runner`; empty when nothing of it runs. */
export async function pidsOf(formbus: StartedFormbus, what: string): Promise<number[]> {
  if (what === 'runner') return [formbus.pid];
  if (what === 'redis') return childrenOf(formbus.pid, 'redis-server');
  return (await formbus.status(what)).pids;
}

/** Sends a signal; a process that is gone already is none of our business. */
export function signal(pids: number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // It ended meanwhile.
    }
  }
}

/** Resident memory in MB of the runner, its Redis and its instances together; 0 for what does not run. */
export function memoryOf(formbus: StartedFormbus): { runner: number; redis: number; instances: number } {
  const sum = (pids: number[]) => Math.round(pids.map(residentKb).reduce((a, b) => a + b, 0) / 1024);
  return {
    runner: sum([formbus.pid]),
    redis: sum(childrenOf(formbus.pid, 'redis-server')),
    instances: sum(childrenOf(formbus.pid, 'main.mjs')),
  };
}

function childrenOf(parent: number, command: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const parentId = /^PPid:\t(\d+)$/m.exec(procFile(pid, 'status'))?.[1];
      return Number(parentId) === parent && procFile(pid, 'cmdline').includes(command);
    })
    .map(Number);
}

function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(procFile(String(pid), 'status'))?.[1] ?? 0);
}

function procFile(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
