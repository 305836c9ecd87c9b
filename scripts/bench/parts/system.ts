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

/** All descendants of a process. */
export function descendantsOf(pid: number): number {
  const pairs = execFileSync('ps', ['-e', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const below = (parent: number): number =>
    pairs.reduce((sum, [child = 0, of]) => (of === parent ? sum + 1 + below(child) : sum), 0);
  return below(pid);
}
