import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

export interface Cores {
  /** What a server's command line begins with. */
  server: string[];
  /** In words, for the result. */
  how: string;
  /** Lets this process and what it starts use all cores again. */
  release(): void;
}

/**
 * Puts this process, which makes the load, on the last core, and with it whatever it starts from now on without `server`: servers
 * get the first one. Where there is one core only, or no `taskset`, all share what there is.
 */
export function pinCores(): Cores {
  const last = availableParallelism() - 1;
  const bind = (cores: string) =>
    spawnSync('taskset', ['-a', '-c', '-p', cores, String(process.pid)], { stdio: 'ignore' }).status === 0;
  if (last < 1 || !bind(String(last)))
    return { server: [], how: 'nothing pinned: all share the cores', release() {} };
  return {
    server: ['taskset', '-c', '0'],
    how: `server on core 0, load and Kafka on core ${last}`,
    release: () => void bind(`0-${last}`),
  };
}
