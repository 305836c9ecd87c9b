import { setTimeout as sleep } from 'node:timers/promises';
import type { Pod } from '../../../functions/testing/pod.ts';
import { rollingRestart } from '../../../functions/testing/rollout.ts';
import type { RedisPod, Sentinels } from '../../../functions/testing/sentinels.ts';
import type { Step } from '../plan.ts';

export interface SentinelFaults {
  /** Whether it is something for these. */
  concerns(step: Step): boolean;
  /**
   * Does the harm and lets the rest, until all is whole again, go on beside the steps after it.
   * @throws Error when what was done before is not made good: no other master, or an old one that does not become its replica
   */
  act(step: Step): Promise<void>;
  /** Resolves when all servers are whole again. @throws Error as `act` does */
  end(): Promise<void>;
}

/**
 * Harms the Redis servers and Sentinels, one at a time, and the next one only when two replicas have caught up: an acknowledged row is on
 * the master and on one replica, so more is not promised.
 */
export function openSentinelFaults({
  sentinels: { redis, sentinels, master, replaced, whole },
  aborted,
}: {
  sentinels: Sentinels;
  /** Ends what takes long. */
  aborted: AbortSignal;
}): SentinelFaults {
  let healing = Promise.resolve();
  const pause = (ms: number) => sleep(ms, undefined, { signal: aborted });

  /** Gives how to undo it. */
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
      // Its failure is met by the next step, or at the end.
      healing.catch(() => {});
    },
    // When it was broken off, nobody needs the servers any more.
    end: () => (aborted.aborted ? Promise.resolve() : healing),
  };
}
