import { Redis, type RedisOptions } from 'ioredis';

/** `redis://` and `rediss://` name a server, `redis-sentinel://` the Sentinels that know the master. */
export const redisAddress = /^(rediss?:\/\/|redis-sentinel:\/\/[^/@#]+\/?#.+$)/;

/** How long to wait for a silent server, in milliseconds; longer than a WAIT. */
const silenceMs = 5_000;

export interface SentinelAddress {
  sentinels: { host: string; port: number }[];
  /** Their name for the master. */
  name: string;
}

/** The Sentinels in an address; undefined when it names a server. */
export function sentinelsOf(address: string): SentinelAddress | undefined {
  const [, hosts, name] = /^redis-sentinel:\/\/([^/]+?)\/?#(.+)$/.exec(address) ?? [];
  return hosts === undefined || name === undefined
    ? undefined
    : { sentinels: hosts.split(',').map(hostAndPort), name };
}

/** Errors of a server that is no longer the master, or not yet: the Sentinels know which server is. */
const notMaster = /^(READONLY|NOREPLICAS|LOADING|MASTERDOWN)/;

/**
 * Connects to the server, or to the current master. The address of Sentinels has Lettuce's syntax:
 * `redis-sentinel://host:26379,host:26379#master-name`.
 * @param password for both Redis and the Sentinels; overrides a password in the address
 * @param options.onNamed called before each connection with the host:port that the Sentinels named
 */
export function connectRedis(
  address: string,
  password: string | undefined,
  { onNamed, ...options }: Omit<RedisOptions, 'replyMapping'> & { onNamed?: (address: string) => void },
): Redis {
  const common = {
    ...(password === undefined ? {} : { password, sentinelPassword: password }),
    // A master that hangs keeps its connections open: without a timeout the client would never ask for the next master.
    socketTimeout: silenceMs,
    ...options,
  };
  const watched = sentinelsOf(address);
  if (!watched) return new Redis(address, common);
  return new Redis({
    ...watched,
    sentinelCommandTimeout: 2_000,
    // Without it the client gives up when no Sentinel answers; retryStrategy is for the master only.
    sentinelRetryStrategy: (attempt) => Math.min(attempt * 50, 1_000),
    reconnectOnError: (error) => notMaster.test(error.message),
    // ioredis calls it with each address that a Sentinel names, with the master's last.
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
