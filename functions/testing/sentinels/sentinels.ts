import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { freePort, lineHost, openLine } from './line.ts';
import { startPod, type Pod } from './pod.ts';

export interface RedisPod extends Pod {
  /** Its address for clients on its side of the network. */
  url: string;
  /** Cuts it off from the other servers, the Sentinels and all clients that found it through them; undone with `false`. */
  cutOff(isCut: boolean): void;
  /** Cuts it off from the Sentinels alone, as a pod is whose new address they do not know yet. */
  hide(isHidden: boolean): void;
}

export interface Sentinels {
  /** The environment by which functions find the master. */
  env: { REDIS_URL: string; REDIS_PASSWORD: string; REDIS_REPLICAS: string };
  redis: RedisPod[];
  sentinels: Pod[];
  /** The server that two of the three Sentinels call master. @throws Error when no two of them agree */
  master(): Promise<RedisPod>;
  /** Resolves when another server is the master. */
  replaced(old: RedisPod): Promise<void>;
  /** Resolves when all three Sentinels know the same master and two replicas that have caught up with it. @throws Error when that takes too long */
  whole(): Promise<void>;
  close(): Promise<void>;
}

const name = 'formbus';
/** Where the Sentinels' connections come from. */
const watchedFrom = '127.0.0.3';
const password = 'only-for-this-machine';
/** Sentinels that could not agree on who leads try again after twice their failover-timeout: 60 s. */
const patienceMs = 180_000;

/**
 * Three Redis servers, each reached through a line that can be cut, and three Sentinels, as the cluster has them: by its scripts,
 * with its configuration.
 * @param options.quick for tests: a server is missed after three seconds in place of five and copies at once, and Sentinels look and tell each other
 * more often. How old a look may be by which they choose the next master matters: older than the loss, it would not show who has the last rows.
 */
export async function startSentinels({ quick = false } = {}): Promise<Sentinels> {
  const dir = await mkdtemp(join(tmpdir(), 'formbus-sentinels-'));
  const lines = await Promise.all([openLine(), openLine(), openLine()]);
  const peers = lines.map(({ port }) => `${lineHost}:${port}`);
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  const watchers = ports.map((port) => `127.0.0.1:${port}`);
  const env = { PEERS: peers.join(' '), SENTINELS: watchers.join(' '), MASTER: peers[0] ?? '' };
  const common = { dir, env, password };
  const settings = ['bind 127.0.0.1', ...(quick ? ['repl-diskless-sync-delay 0'] : [])];
  const redis = lines.map((line, index): RedisPod => {
    const pod = startPod({ ...common, kind: 'redis', self: peers[index] ?? '', settings });
    return {
      ...pod,
      url: `redis://:${password}@127.0.0.1:${line.port}`,
      cutOff: (isCut) => line.cut(isCut),
      hide: (isHidden) => line.cut(isHidden, watchedFrom),
    };
  });
  // A Sentinel that does not answer is asked again, not waited for.
  const options = { enableOfflineQueue: false, commandTimeout: 2_000 };
  const sentinels: Pod[] = [];
  const closing = new AbortController();

  async function close() {
    closing.abort();
    await Promise.all([...sentinels, ...redis].map((pod) => pod.close()));
    for (const line of lines) line.close();
    await rm(dir, { recursive: true, force: true });
  }

  /** Waits for a condition; an error while it is checked counts as not met yet. */
  async function until(what: string, isMet: () => Promise<boolean>): Promise<void> {
    const begin = performance.now();
    let reason: unknown;
    while (!(await isMet().catch((error: unknown) => void (reason = error)))) {
      if (performance.now() - begin > patienceMs)
        throw new Error(`not within ${patienceMs / 1_000} s: ${what}`, { cause: reason });
      await sleep(100, undefined, { signal: closing.signal });
    }
  }

  async function master(): Promise<RedisPod> {
    const asked = sentinels.map(({ look }) => look.call('SENTINEL', 'get-master-addr-by-name', name));
    const named = (await Promise.allSettled(asked)).map((answer) =>
      answer.status === 'fulfilled' ? v.parse(v.array(v.string()), answer.value).join(':') : '',
    );
    const found = redis.find(({ self }) => named.filter((one) => one === self).length >= 2);
    if (!found) throw new Error(`the Sentinels do not agree: ${named.join(', ')}`);
    return found;
  }

  async function whole() {
    await until('every Sentinel knows two replicas', async () => {
      const states = await Promise.all(sentinels.map((pod) => pod.look.call('SENTINEL', 'master', name)));
      const replicas = await Promise.all(sentinels.map((pod) => pod.look.call('SENTINEL', 'replicas', name)));
      return (
        states
          .map(factsOf)
          .every((facts) => facts['flags'] === 'master' && facts['num-other-sentinels'] === '2') &&
        replicas.every((list) => {
          const flags = v.parse(v.array(v.unknown()), list).map((replica) => factsOf(replica)['flags']);
          return flags.length === 2 && flags.every((flag) => flag === 'slave');
        })
      );
    });
    const { look } = await master();
    let goal = Infinity;
    await until('two replicas have caught up', async () => {
      const info = await look.info('replication');
      const offsets = [...info.matchAll(/^slave\d:.*state=online,offset=(\d+)/gm)].map((one) =>
        Number(one[1]),
      );
      const reached = offsets.filter((offset) => offset >= goal).length === 2;
      goal = Number(/^master_repl_offset:(\d+)/m.exec(info)?.[1]);
      return reached;
    });
  }

  try {
    const [first] = redis;
    await until('the replicas have joined', async () =>
      /^connected_slaves:2/m.test((await first?.look.info('replication')) ?? ''),
    );
    // By now they find both replicas at their first look; the next one would be 10 s later.
    const from = { settings: [`bind-source-addr ${watchedFrom}`] };
    for (const self of watchers)
      sentinels.push(startPod({ ...common, ...from, kind: 'sentinel', self, options }));
    await whole();
    if (quick) {
      for (const { look } of sentinels) {
        await look.call(
          'SENTINEL',
          'SET',
          name,
          'down-after-milliseconds',
          '3000',
          'failover-timeout',
          '3000',
        );
        await look.call('SENTINEL', 'DEBUG', 'info-period', '500', 'publish-period', '250');
      }
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    env: {
      REDIS_URL: `redis-sentinel://${watchers.join(',')}#${name}`,
      REDIS_PASSWORD: password,
      REDIS_REPLICAS: '1',
    },
    redis,
    sentinels,
    master,
    replaced: (old) => until('another server is the master', async () => (await master()) !== old),
    whole,
    close,
  };
}

/** Redis's list of names and values. */
function factsOf(answer: unknown): Record<string, string> {
  const list = v.parse(v.array(v.string()), answer);
  return Object.fromEntries(
    Array.from({ length: list.length / 2 }, (_, n) => [list[2 * n] ?? '', list[2 * n + 1] ?? '']),
  );
}
