import { Redis } from 'ioredis';
import * as v from 'valibot';
import { integer, type Env } from './env.ts';
import { Unavailable } from './http.ts';
import type { Log } from './log.ts';

export const redisEnv = {
  REDIS_URL: v.pipe(
    v.string(),
    v.regex(/^rediss?:\/\//, 'not a redis:// or rediss:// URL'),
    v.description("Redis's address, e.g. redis://redis:6379"),
  ),
  REDIS_REPLICAS: integer('how many replicas have to have a write before it counts', {
    min: 0,
    max: 5,
    fallback: 0,
  }),
};

/** How long WAIT waits for the replicas, in milliseconds; below the time after which a command is given up. */
const waitMs = 2_000;
const commandTimeoutMs = 5_000;

/** A connection of its own, so that WAIT speaks for the writes before it and for no others. */
export interface DurableRedis {
  /** Runs a Lua script, which must have written something, and resolves when the configured number of replicas has it. @throws Unavailable */
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
  const redis = new Redis(env.REDIS_URL, {
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
  await redis.connect().catch(() => {});

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
      await redis.quit().catch(() => redis.disconnect());
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
