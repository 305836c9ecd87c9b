import { setTimeout as sleep } from 'node:timers/promises';
import type { Child } from './child.ts';
import type { Log } from '../log.ts';

export interface Kept {
  pid(): number;
  /** Ends it, without a restart: as `stop` does, with SIGKILL after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

const restartPauseMs = 200;

/**
 * Keeps a server running: starts it again when it dies, for as long as that takes.
 * @param first the server as it runs now
 * @param start starts it again, on the same data and address
 */
export function keepRunning({
  from,
  command,
  first,
  start,
  stop = (child, graceMs) => child.stop(graceMs),
  log,
}: {
  from: string;
  command: string;
  first: Child;
  start: () => Promise<Child>;
  stop?: (child: Child, graceMs: number) => Promise<void>;
  log: Log;
}): Kept {
  let current = first;
  let closing = false;

  async function keepUp() {
    for (;;) {
      const how = await current.exited;
      if (closing) return;
      log.error({ from, pid: current.pid }, `${command} ${how}; it is being restarted`);
      await sleep(restartPauseMs);
      if (closing) return;
      try {
        current = await start();
      } catch (error) {
        log.error({ from }, String(error));
      }
      // A `close` meanwhile ends the new one, too, and waits for this loop.
      if (closing) return;
    }
  }
  const keeper = keepUp();

  return {
    pid: () => current.pid,
    async close(graceMs) {
      closing = true;
      await stop(current, graceMs);
      await keeper;
      // A restart that was under way when closing began.
      await stop(current, graceMs);
    },
  };
}
