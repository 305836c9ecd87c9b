import { setTimeout as sleep } from 'node:timers/promises';
import type { Step } from '../plan.ts';
import { isRunning, pidsOf, signal } from './victims.ts';

export interface ProcessFaults {
  /** Ends a process of a service, or restarts the runner. */
  kill(step: Step): Promise<void>;
  terminate(step: Step): Promise<void>;
  /** Freezes a process. A freeze of up to ten seconds delays the next step; a longer one does not. */
  freeze(step: Step): Promise<void>;
  /** Continues all frozen processes. */
  end(): void;
}

/** The longest freeze that delays the next step. */
const briefMs = 10_000;
/** Longer than the pause between two flushes, which start the tasks. */
const startsWithinMs = 6_000;

/** Kills and freezes processes of a running Formbus. */
export function openProcessFaults({
  runner,
  restart,
  aborted,
}: {
  /** The runner's current process id. */
  runner: () => number;
  /** Starts the runner again after its end. */
  restart: () => Promise<void>;
  aborted: AbortSignal;
}): ProcessFaults {
  const frozen = new Map<number, NodeJS.Timeout | undefined>();
  const pause = (ms: number) => sleep(ms, undefined, { signal: aborted });

  /** Waits for a process that is about to start, after its end or from zero instances. */
  async function victim({ what, which }: Step): Promise<number> {
    for (const until = performance.now() + startsWithinMs; ; await pause(20)) {
      const pids = pidsOf(runner(), what);
      const pid = pids[Math.floor(which * pids.length)];
      if (pid !== undefined) return pid;
      if (performance.now() > until) throw new Error(`${what} does not run`);
    }
  }

  function thaw(pid: number) {
    clearTimeout(frozen.get(pid));
    if (frozen.delete(pid)) signal(pid, 'SIGCONT');
  }

  return {
    async kill(step) {
      if (step.what !== 'runner') return signal(await victim(step), 'SIGKILL');
      const pid = runner();
      signal(pid, 'SIGKILL');
      while (isRunning(pid)) await sleep(5);
      await restart();
    },
    terminate: async (step) => signal(await victim(step), 'SIGTERM'),
    async freeze(step) {
      const pid = await victim(step);
      signal(pid, 'SIGSTOP');
      const isBrief = step.ms <= briefMs;
      frozen.set(pid, isBrief ? undefined : setTimeout(() => thaw(pid), step.ms));
      if (isBrief) await pause(step.ms).finally(() => thaw(pid));
    },
    end() {
      for (const pid of frozen.keys()) thaw(pid);
    },
  };
}
