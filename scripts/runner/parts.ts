import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from './log.ts';

/** How a part is stopped. */
interface Stop<T> {
  /** @param leftMs what is left of the time in which all parts should stop */
  stop(part: T, leftMs: number): unknown;
  /** A stop that takes longer is reported, and the next part's turn comes. */
  withinMs: number;
}

/**
 * Starts one more part. What it needs are parts that were started before.
 * @throws what its start throws; the signal's reason as soon as the start is given up
 */
export type Start = <T>(name: string, start: () => T | Promise<T>, stop?: Stop<NoInfer<T>>) => Promise<T>;

/** For parts that are stopped by their `close`. */
export const closing = (withinMs = 500): Stop<{ close(): unknown }> => ({
  stop: (part) => part.close(),
  withinMs,
});

export interface Parts {
  start: Start;
  /** Parts that are started by the same group are stopped side by side. */
  group(): Start;
  /**
   * Stops what was started, the last one first. Waits for parts that are still coming up, so that they are stopped as well.
   * May be called again.
   */
  stop(): Promise<void>;
}

/** How long a start that was given up waits for what is coming up. */
const COMING_UP_MS = 5_000;
/** Longer than all parts but the servers of the data folder need. */
const STOP_MS = 8_500;

/** @param stopping ends the start; a part that does not come up within seconds of it is left to the end of this process */
export function openParts({
  log,
  stopping,
  comingUpMs = COMING_UP_MS,
}: {
  log: Log;
  stopping: AbortSignal;
  comingUpMs?: number;
}): Parts {
  const groups: ((leftMs: number) => Promise<void>)[][] = [];
  const givenUp = (async (): Promise<never> => {
    if (!stopping.aborted) await once(stopping, 'abort');
    throw stopping.reason;
  })();
  const waitedLong = givenUp.catch(() => sleep(comingUpMs, undefined, { ref: false }));

  function starter(): Start {
    const group: (typeof groups)[number] = [];
    groups.push(group);
    return async (name, start, how) => {
      stopping.throwIfAborted();
      const started = (async () => start())();
      const isUp = started.then(
        () => true,
        () => false,
      );
      if (how) group.push((leftMs) => stopPart({ name, started, isUp, ...how, leftMs }));
      return Promise.race([started, givenUp]);
    };
  }

  async function stopPart<T>({
    name,
    started,
    isUp,
    stop,
    withinMs,
    leftMs,
  }: Stop<T> & { name: string; started: Promise<T>; isUp: Promise<boolean>; leftMs: number }) {
    // Of two that are settled already the first one counts: what is up is stopped, however long ago the start was given up.
    if (!(await Promise.race([isUp, waitedLong]))) return;
    const late = sleep(withinMs, 'late', { ref: false });
    try {
      const stopped = started.then((part) => stop(part, leftMs));
      if ((await Promise.race([stopped, late])) === 'late')
        log.warn({}, `${name} did not stop within ${withinMs} ms`);
    } catch (error) {
      log.warn({}, `${name} did not stop: ${String(error)}`);
    }
  }

  async function stopAll() {
    const end = performance.now() + STOP_MS;
    for (const group of groups.toReversed())
      await Promise.all(group.map((stop) => stop(end - performance.now())));
  }

  let stopped: Promise<void> | undefined;
  return {
    start: (...part) => starter()(...part),
    group: starter,
    stop: () => (stopped ??= stopAll()),
  };
}
