import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Processor time that a process has used so far, in milliseconds. Linux only; elsewhere NaN. */
export function cpuMsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    // utime and stime, in ticks of 10 ms. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return Number.NaN;
  }
}

/** Memory of a process in kB: current (`VmRSS`) or peak (`VmHWM`). */
export function memoryKbOf(pid: number, which: 'VmRSS' | 'VmHWM'): number {
  const line = new RegExp(`^${which}:\\s+(\\d+) kB`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(line?.[1]);
}

/** The ids of all descendants of a process. */
export function descendantsOf(pid: number): number[] {
  const pairs = execFileSync('ps', ['-e', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const below = (parent: number): number[] =>
    pairs.flatMap(([child = 0, of]) => (of === parent ? [child, ...below(child)] : []));
  return below(pid);
}

/** How often, since the machine started, a connection found the queue of its listener full, and was dropped for it. Linux only. */
export function listenQueueOf(
  netstat: string = readFileSync('/proc/net/netstat', 'utf8'),
): Record<'ListenOverflows' | 'ListenDrops', number> {
  const [names = [], values = []] = netstat
    .split('\n')
    .filter((line) => line.startsWith('TcpExt:'))
    .map((line) => line.split(' '));
  const of = (name: string) => Number(values[names.indexOf(name)]);
  return { ListenOverflows: of('ListenOverflows'), ListenDrops: of('ListenDrops') };
}
