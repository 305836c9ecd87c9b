import { once } from 'node:events';
import * as v from 'valibot';
import { decodable, integer, type Env } from './env.ts';
import { Unavailable } from './http.ts';
import type { Log } from './log.ts';
import { connectRedis, redisAddress } from './redis-address.ts';

export const redisEnv = {
  REDIS_URL: v.pipe(
    v.string(),
    v.regex(redisAddress, 'not a redis://, rediss:// or redis-sentinel://…#master URL'),
    decodable(),
    v.description(
      "Redis's address, e.g. redis://redis:6379 or redis-sentinel://redis-0:26379,redis-1:26379#formbus",
    ),
  ),
  REDIS_PASSWORD: v.pipe(v.optional(v.string()), v.description('the password of Redis and its Sentinels')),
  REDIS_REPLICAS: integer('how many replicas have to have a write before it counts', {
    min: 0,
    max: 5,
    fallback: 0,
  }),
};

/** How long WAIT waits for the replicas, and any command for its answer, in milliseconds. */
const waitMs = 2_000;
export const commandTimeoutMs = 5_000;

/** A connection of its own, so that WAIT speaks for the writes before it and for no others. */
export interface DurableRedis {
  /**
   * Runs a Lua script, which must have written something, and resolves when it is on the disks of the master and of the configured number of
   * replicas. With one of two that is lost when the other one becomes the master without it: both that have it are away, or on
   * the side of a partition that has no majority of the Sentinels. With all of them it is not.
   * @throws Unavailable
   */
  write(script: string, args: (string | number)[]): Promise<unknown>;
  /** Runs a Lua script that needs no vouching. @throws Unavailable */
  run(script: string, args: (string | number)[]): Promise<unknown>;
  close(): Promise<void>;
}

/**
 * Opens Redis so that a lost connection fails what is under way instead of sending it again on the next one:
 * after a failover a WAIT that was sent again would vouch for writes that the new master never had.
 */
export async function openRedis(env: Env<typeof redisEnv>, log: Log): Promise<DurableRedis> {
  const redis = connectRedis(env.REDIS_URL, env.REDIS_PASSWORD, {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandTimeoutMs,
    connectTimeout: 2_000,
    retryStrategy: (attempt) => Math.min(attempt * 50, 1_000),
  });
  redis.on('error', (error: Error) => log.warn({ reason: error.message }, 'Redis'));
  // Without Redis the function starts as well: it answers 503 until the connection is there.
  await Promise.race([redis.connect(), once(redis, 'error')]).catch(() => {});

  return {
    async write(script, args) {
      const [written, waited] = await guard(
        Promise.all([redis.eval(script, 0, ...args), redis.wait(env.REDIS_REPLICAS, waitMs)]),
      );
      if (waited < env.REDIS_REPLICAS) {
        throw new Unavailable(
          `Only ${waited} of ${env.REDIS_REPLICAS} Redis replicas have the write; see REDIS_REPLICAS.`,
        );
      }
      return written;
    },
    run: (script, args) => guard(redis.eval(script, 0, ...args)),
    async close() {
      await redis.quit().catch(() => {});
      redis.disconnect();
    },
  };
}

async function guard<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new Unavailable('Redis did not answer; see REDIS_URL.', { cause });
  }
}
