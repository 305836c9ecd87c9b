import { Redis, type RedisOptions } from 'ioredis';

/** `redis://` and `rediss://` name one server, `redis-sentinel://` the Sentinels that know which one is the master. */
export const redisAddress = /^(rediss?:\/\/|redis-sentinel:\/\/[^/@#]+\/?#.+$)/;

/** How long a server that says nothing is waited for, in milliseconds; longer than a WAIT. */
const silenceMs = 5_000;

/**
 * A connection to the server, or to whichever one is the master by then. For Sentinels the address has the syntax that Lettuce
 * has: `redis-sentinel://host:26379,host:26379#master-name`.
 * @param password for Redis and for the Sentinels alike; it comes before one in the address
 */
export function connectRedis(
  address: string,
  password: string | undefined,
  options: Omit<RedisOptions, 'replyMapping'>,
): Redis {
  const common = {
    ...(password === undefined ? {} : { password, sentinelPassword: password }),
    // A master that hangs keeps its connections open: without this, one would not come to know the next master.
    socketTimeout: silenceMs,
    ...options,
  };
  const [, hosts, name] = /^redis-sentinel:\/\/([^/]+?)\/?#(.+)$/.exec(address) ?? [];
  if (hosts === undefined || name === undefined) return new Redis(address, common);
  return new Redis({
    sentinels: hosts.split(',').map(hostAndPort),
    name,
    sentinelCommandTimeout: 2_000,
    // Without it the connection ends for good when no Sentinel answers; retryStrategy is for the master only.
    sentinelRetryStrategy: (attempt) => Math.min(attempt * 50, 1_000),
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    ...common,
  });
}

function hostAndPort(text: string): { host: string; port: number } {
  const [, host = text, port = '26379'] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  return { host, port: Number(port) };
}
