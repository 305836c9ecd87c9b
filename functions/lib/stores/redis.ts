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
   * replicas. Under Sentinels a majority of them has to name the master after that, or it may have been replaced meanwhile. With one of two
   * replicas the write is lost only when both that have it are away and the other one becomes the master without it; with all of them it is not.
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

  /** The server of this connection, for writes that are sent in the same turn. */
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

  /** Leaves a master that may not be the one any more; the Sentinels tell which one is. */
  function refuse(message: string): never {
    if (majority) redis.disconnect(true);
    throw new Unavailable(message);
  }
  // Without Redis the function starts as well: it answers 503 until the connection is there.
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
      if (verdict === 'replaced') refuse('The Sentinels have another Redis as the master by now.');
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

/** Without Sentinels there is nobody to ask, and nothing is loaded for it. */
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
