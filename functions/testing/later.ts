import type { Redis } from 'ioredis';

/** As if so much time had passed for what tasks try again later. */
export async function passTime(redis: Redis, ms: number): Promise<void> {
  for (const kind of ['due', 'open', 'destinations'])
    for (const key of await redis.keys(`later:${kind}:*`))
      for (const member of await redis.zrange(key, '0', '-1')) await redis.zincrby(key, -ms, member);
}

/** The ids that wait in a task's queue. */
export async function waitingOf(redis: Redis, task: string): Promise<string[]> {
  return (await redis.zrange(`later:since:${task}`, '0', '-1')).toSorted();
}
