import { setTimeout as pause } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { redisManifest } from '../../testing/sentinels/readiness.ts';
import { restartPod, rollingRestart } from '../../testing/sentinels/rollout.ts';
import { startSentinels, type Sentinels } from '../../testing/sentinels/sentinels.ts';
import { openLog } from '../runtime/log.ts';
import { connectRedis } from './redis-address.ts';
import { openRedis } from './redis.ts';

const log = openLog('test', 'silent');
const keep = `return redis.call('SADD', 'rows', ARGV[1])`;

it('writes do not count on an island of a master that was restarted abruptly and a replica that follows it again', async () => {
  const sentinels = await startCluster();
  const client = await openRedis({ ...sentinels.env, REDIS_REPLICAS: 1 }, log);
  onTestFinished(client.close);
  const load = underLoad((id) => client.write(keep, [id]));
  await load.more(50);

  // The order of a rolling restart that goes on to the next server as soon as this one answers.
  const old = await sentinels.master();
  const [next] = sentinels.redis.filter((pod) => pod !== old);
  const manifest = { ...redisManifest(), lifecycle: undefined };
  await restartPod(old, { manifest });
  if (next) await restartPod(next, { manifest });
  await sentinels.replaced(old);
  const promoted = await sentinels.master();
  await sentinels.whole();
  await load.more(50);
  await load.stop();

  const rows = new Set(await promoted.look.smembers('rows'));
  expect(load.acknowledged.filter((id) => !rows.has(id))).toEqual([]);
}, 300_000);

it('with its manifest, Redis loses nothing when its pods are evicted one after the other, each as soon as the last is ready', async () => {
  const sentinels = await startCluster();
  // A client that asks no Sentinel is safe, too.
  const client = connectRedis(sentinels.env.REDIS_URL, sentinels.env.REDIS_PASSWORD, {
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 5_000,
    retryStrategy: () => 50,
  });
  client.on('error', () => {});
  onTestFinished(() => client.disconnect());
  let connections = 0;
  client.on('close', () => (connections += 1));
  const load = underLoad(async (id) => {
    const before = connections;
    await client.eval(keep, 0, id);
    const replicas = await client.wait(1, 2_000);
    // On another connection WAIT vouches for nothing.
    if (replicas < 1 || connections !== before) throw new Error('on no replica');
  });
  await load.more(50);
  const pids = sentinels.redis.map((pod) => pod.pid());

  const manifest = { ...redisManifest(), minReadySeconds: 0 };
  const old = await sentinels.master();
  const [first, last] = sentinels.redis.filter((pod) => pod !== old);
  if (!first || !last) throw new Error('no replicas');
  await rollingRestart([first], { manifest });
  // Now there is one to promote while the master and the last one are restarted.
  await sentinels.whole();
  await rollingRestart([old, last], { manifest });
  await sentinels.whole();
  await load.more(50);
  await load.stop();

  for (const [index, pod] of sentinels.redis.entries()) expect(pod.pid()).not.toBe(pids[index]);
  const rows = new Set(await (await sentinels.master()).look.smembers('rows'));
  expect(load.acknowledged.filter((id) => !rows.has(id))).toEqual([]);
}, 400_000);

async function startCluster(): Promise<Sentinels> {
  const sentinels = await startSentinels();
  onTestFinished(sentinels.close);
  return sentinels;
}

/** Writes every 50 ms. */
function underLoad(write: (id: string) => Promise<unknown>) {
  const acknowledged: string[] = [];
  const over = new AbortController();
  const running = (async () => {
    for (let n = 0; !over.signal.aborted; n += 1) {
      const id = String(n);
      const counts = await write(id).then(
        () => true,
        () => false,
      );
      if (counts) acknowledged.push(id);
      await pause(50);
    }
  })();
  return {
    acknowledged,
    /** Resolves when so many more writes have counted. */
    async more(count: number) {
      const goal = acknowledged.length + count;
      await expect.poll(() => acknowledged.length, { timeout: 90_000 }).toBeGreaterThan(goal);
    },
    async stop() {
      over.abort();
      await running;
    },
  };
}
