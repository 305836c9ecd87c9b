import { once } from 'node:events';
import * as v from 'valibot';
import { decodable, integer, type Env } from '../runtime/env.ts';
import { Unavailable } from '../runtime/errors.ts';
import type { Log } from '../runtime/log.ts';
import { connectRedis, redisAddress, sentinelsOf } from './redis-address.ts';
import type { Majority, Server } from './redis-majority.ts';

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
  REDIS_REPLICAS: integer('how many replicas must have a write before it counts', {
    min: 0,
    max: 5,
    fallback: 0,
  }),
};

/** How long WAIT waits for replicas, and a command for its answer, in milliseconds. */
const waitMs = 2_000;
export const commandTimeoutMs = 5_000;

/** Redis on a dedicated connection, so that WAIT vouches for the writes before it and no others. */
export interface DurableRedis {
  /**
   * Runs a Lua script, which must write something, and resolves when the write is on the disks of the master and of the configured number
   * of replicas. With Sentinels, a majority of them has to name the master after that: it may have been replaced meanwhile. With one of two
   * replicas, a write is lost only when the master and that replica fail and the other one is promoted; with both replicas it is not lost.
   * @throws Unavailable
   */
  write(script: string, args: (string | number)[]): Promise<unknown>;
  /** Runs a Lua script whose writes need not be durable. @throws Unavailable */
  run(script: string, args: (string | number)[]): Promise<unknown>;
  close(): Promise<void>;
}

/**
 * Opens Redis so that a lost connection fails the commands in flight. If they were sent again on the next connection, a WAIT could
 * vouch for writes that the new master never had.
 */
export async function openRedis(env: Env<typeof redisEnv>, log: Log): Promise<DurableRedis> {
  let named = '';
  const redis = connectRedis(env.REDIS_URL, env.REDIS_PASSWORD, {
    onNamed: (address) => (named = address),
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: commandTimeoutMs,
    connectTimeout: 2_000,
    retryStrategy: (attempt) => Math.min(attempt * 50, 1_000),
  });
  redis.on('error', (error: Error) => log.warn({ reason: error.message }, 'Redis'));
  const majority = await openMajorityFor(env);
  let known: Promise<Server> | undefined;
  redis.on('close', () => (known = undefined));

  /** The server at the end of this connection, for writes of the same turn. */
  async function identify(): Promise<Server> {
    const address = named;
    try {
      const info = await redis.info('server');
      return { address, runId: /^run_id:(\w+)/m.exec(info)?.[1] ?? '' };
    } catch (error) {
      known = undefined;
      throw error;
    }
  }

  /** Leaves a server that may no longer be the master: the next connection asks the Sentinels. */
  function refuse(message: string): never {
    if (majority) redis.disconnect(true);
    throw new Unavailable(message);
  }
  // The function starts without Redis, too, and answers 503 until it is connected.
  await Promise.race([redis.connect(), once(redis, 'error')]).catch(() => {});

  return {
    async write(script, args) {
      const [written, waited, server] = await guard(
        Promise.all([
          redis.eval(script, 0, ...args),
          redis.wait(env.REDIS_REPLICAS, waitMs),
          majority && (known ??= identify()),
        ]),
      );
      if (waited < env.REDIS_REPLICAS)
        refuse(`Only ${waited} of ${env.REDIS_REPLICAS} Redis replicas have the write; see REDIS_REPLICAS.`);
      const verdict = server && (await majority?.verdictOn(server));
      if (verdict === 'replaced') refuse('The Sentinels name another Redis as the master now.');
      if (verdict === 'unsettled')
        throw new Unavailable(
          'No majority of the Sentinels is certain of this Redis as the master; see REDIS_URL.',
        );
      return written;
    },
    run: (script, args) => guard(redis.eval(script, 0, ...args)),
    async close() {
      await redis.quit().catch(() => {});
      redis.disconnect();
      majority?.close();
    },
  };
}

/** Undefined without Sentinels, and then none of its code is loaded. */
async function openMajorityFor({
  REDIS_URL,
  REDIS_PASSWORD,
}: Env<typeof redisEnv>): Promise<Majority | undefined> {
  const watched = sentinelsOf(REDIS_URL);
  if (!watched) return undefined;
  const { openMajority } = await import('./redis-majority.ts');
  return openMajority(watched, REDIS_PASSWORD);
}

async function guard<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    throw new Unavailable('Redis did not answer; see REDIS_URL.', { cause });
  }
}
