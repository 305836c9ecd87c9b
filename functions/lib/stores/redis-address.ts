import { Redis, type RedisOptions } from 'ioredis';

/** `redis://` and `rediss://` name one server, `redis-sentinel://` the Sentinels that know which one is the master. */
export const redisAddress = /^(rediss?:\/\/|redis-sentinel:\/\/[^/@#]+\/?#.+$)/;

/** How long a server that says nothing is waited for, in milliseconds; longer than a WAIT. */
const silenceMs = 5_000;

export interface SentinelAddress {
  sentinels: { host: string; port: number }[];
  /** By which they know the master. */
  name: string;
}

/** The Sentinels that an address names; undefined when it names a server. */
export function sentinelsOf(address: string): SentinelAddress | undefined {
  const [, hosts, name] = /^redis-sentinel:\/\/([^/]+?)\/?#(.+)$/.exec(address) ?? [];
  return hosts === undefined || name === undefined
    ? undefined
    : { sentinels: hosts.split(',').map(hostAndPort), name };
}

/** Answers of a server that is not the master any more, or not yet: the Sentinels know which one is. */
const notMaster = /^(READONLY|NOREPLICAS|LOADING|MASTERDOWN)/;

/**
 * A connection to the server, or to whichever one is the master by then. For Sentinels the address has the syntax that Lettuce
 * has: `redis-sentinel://host:26379,host:26379#master-name`.
 * @param password for Redis and for the Sentinels alike; it comes before one in the address
 * @param options.onNamed told, before each connection is made, which host:port the Sentinels named
 */
export function connectRedis(
  address: string,
  password: string | undefined,
  { onNamed, ...options }: Omit<RedisOptions, 'replyMapping'> & { onNamed?: (address: string) => void },
): Redis {
  const common = {
    ...(password === undefined ? {} : { password, sentinelPassword: password }),
    // A master that hangs keeps its connections open: without this, one would not come to know the next master.
    socketTimeout: silenceMs,
    ...options,
  };
  const watched = sentinelsOf(address);
  if (!watched) return new Redis(address, common);
  return new Redis({
    ...watched,
    sentinelCommandTimeout: 2_000,
    // Without it the connection ends for good when no Sentinel answers; retryStrategy is for the master only.
    sentinelRetryStrategy: (attempt) => Math.min(attempt * 50, 1_000),
    reconnectOnError: (error) => notMaster.test(error.message),
    // It is asked about each address that a Sentinel names, about the master's last.
    natMap(named) {
      onNamed?.(named);
      return null;
    },
    ...common,
  });
}

function hostAndPort(text: string): { host: string; port: number } {
  const [, host = text, port = '26379'] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  return { host, port: Number(port) };
}
