import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

export interface Cores {
  /** The beginning of a server's command line. */
  server: string[];
  /** A description for the result. */
  how: string;
  /** Lets this process and those that it starts use all cores again. */
  release(): void;
}

/**
 * Binds this process, which makes the load, to the last core, with every process that it starts from now on without `server`. Servers
 * get the first core. With a single core, or without `taskset`, all share the cores.
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
