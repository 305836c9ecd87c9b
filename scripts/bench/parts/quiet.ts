import { readFileSync } from 'node:fs';

/** Processor time in ticks: what the machine has used, what it could have, and what this process and those it has waited for have used. */
interface Ticks {
  used: number;
  all: number;
  ours: number;
}

/**
 * Watches how much of the machine's processors other processes take, until the returned function is called: in percent, NaN where
 * there is no `/proc`. What a hypervisor took away counts, too.
 */
export function watchOthers({ read = ticks }: { read?: () => Ticks } = {}): () => number {
  const before = read();
  return () => {
    const after = read();
    const others = after.used - before.used - (after.ours - before.ours);
    return Math.max(0, (others / (after.all - before.all)) * 100);
  };
}

/** https://man7.org/linux/man-pages/man5/proc_stat.5.html and proc_pid_stat.5.html */
function ticks(): Ticks {
  try {
    const line = readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '';
    const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, , , steal = 0] = line
      .split(/\s+/)
      .slice(1)
      .map(Number);
    const own = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? [];
    // Interrupts are left out: they are nobody's.
    const used = user + nice + system + steal;
    const ours = own.slice(11, 15).reduce((sum, value) => sum + Number(value), 0);
    return { used, all: used + idle + iowait, ours };
  } catch {
    return { used: Number.NaN, all: Number.NaN, ours: Number.NaN };
  }
}
