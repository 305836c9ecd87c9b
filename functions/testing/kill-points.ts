import type { DurableRedis } from '../lib/stores/redis.ts';
import type { Sheets } from '../lib/sheets/sheets.ts';

export interface KillPoint {
  redis(client: DurableRedis): DurableRedis;
  sheets(client: Sheets): Sheets;
  /** Any other step. */
  call<A extends unknown[], R>(call: (...args: A) => Promise<R>): (...args: A) => Promise<R>;
  /** False when there were fewer steps. */
  wasReached(): boolean;
}

/**
 * A process that is killed at its n-th chance: an even n kills it before step n / 2, an odd n after that step and before its
 * answer arrives. A step is a script of Redis, a call to Google or a test's `call`. After that, every further step fails.
 */
export function killPoint(n: number): KillPoint {
  let chances = 0;
  let isDead = false;
  async function step<T>(work: () => Promise<T>): Promise<T> {
    if (chances === n) isDead = true;
    if (isDead) throw new Error('killed');
    const result = await work();
    if (chances + 1 === n) isDead = true;
    chances += 2;
    if (isDead) throw new Error('killed');
    return result;
  }
  const stepwise =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    (...args: A): Promise<R> =>
      step(() => call(...args));
  return {
    redis: (client) => ({
      ...client,
      write: stepwise(client.write),
      run: stepwise(client.run),
    }),
    sheets: (client) => ({
      layout: stepwise(client.layout),
      apply: stepwise(client.apply),
      token: stepwise(client.token),
      tokens: stepwise(client.tokens),
      successor: stepwise(client.successor),
      column: stepwise(client.column),
      firstFree: stepwise(client.firstFree),
      page: stepwise(client.page),
    }),
    call: stepwise,
    wasReached: () => isDead,
  };
}
