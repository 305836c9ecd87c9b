import { setTimeout as sleep } from 'node:timers/promises';
import type { Pod } from '../../../functions/testing/sentinels/pod.ts';
import { rollingRestart } from '../../../functions/testing/sentinels/rollout.ts';
import type { RedisPod, Sentinels } from '../../../functions/testing/sentinels/sentinels.ts';
import type { Step } from '../plan.ts';

export interface SentinelFaults {
  /** Whether a step is for these servers. */
  concerns(step: Step): boolean;
  /**
   * Does a step's fault. The recovery continues during later steps.
   * @throws Error when the last fault did not heal: no new master, or an old one that did not become its replica
   */
  act(step: Step): Promise<void>;
  /** Resolves when all servers have recovered. @throws Error as `act` does */
  end(): Promise<void>;
}

/**
 * Faults of Redis servers and Sentinels, one at a time. The next one waits until two replicas have caught up, because an acknowledged
 * row is promised on the master and one replica only.
 */
export function openSentinelFaults({
  sentinels: { redis, sentinels, master, replaced, whole },
  aborted,
}: {
  sentinels: Sentinels;
  /** Ends every wait. */
  aborted: AbortSignal;
}): SentinelFaults {
  let healing = Promise.resolve();
  const pause = (ms: number) => sleep(ms, undefined, { signal: aborted });

  /** Returns a function that undoes it. */
  async function harm({ do: act, what, which }: Step, old: RedisPod): Promise<() => void> {
    const one = victim(what, which, old);
    switch (act) {
      case 'freeze':
        one.signal('SIGSTOP');
        return () => one.signal('SIGCONT');
      case 'cut off':
        old.cutOff(true);
        return () => old.cutOff(false);
      default:
        await one.kill(act === 'restart' ? 'SIGTERM' : 'SIGKILL');
        return one.start;
    }
  }

  function victim(what: string, which: number, old: RedisPod): Pod {
    if (what === 'redis-master') return old;
    const others = what === 'sentinel' ? sentinels : redis.filter((one) => one !== old);
    const one = others[Math.floor(which * others.length)];
    if (!one) throw new Error(`there is no ${what}`);
    return one;
  }

  async function heal({ do: act, what, ms }: Step, old: RedisPod, undo: () => void) {
    try {
      if (what === 'redis-master' && act !== 'restart') await replaced(old);
      await pause(ms);
    } finally {
      undo();
    }
    await whole();
  }

  return {
    concerns: ({ what }) => what.startsWith('redis-') || what === 'sentinel',
    async act(step) {
      await healing;
      const old = await master();
      if (step.do === 'rolling restart')
        healing = rollingRestart(redis.toReversed(), { aborted }).then(whole);
      else healing = heal(step, old, await harm(step, old));
      // The next step, or the end, throws the error.
      healing.catch(() => {});
    },
    // After an abort nothing needs the servers any more.
    end: () => (aborted.aborted ? Promise.resolve() : healing),
  };
}
