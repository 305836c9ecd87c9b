import { expect, it, onTestFinished } from 'vitest';
import { isAlive, redisManifest } from '../../functions/testing/sentinels/readiness.ts';
import { startSentinels, type RedisPod } from '../../functions/testing/sentinels/sentinels.ts';

const patience = { timeout: 60_000, interval: 100 };

it('a master refuses writes before it stops and a replica takes over; a former master just stops', async () => {
  const { master, replaced, whole, redis } = await startCluster();
  const old = await master();
  expect(await old.look.set('row', '1')).toBe('OK');
  expect(await stop(old)).toMatch(/^handed over to 127\.0\.0\.2:\d+$/);
  await replaced(old);
  const late = old.look.set('late', '1').catch(String);
  await old.kill('SIGTERM');
  old.look.disconnect();
  expect(await late).not.toBe('OK');
  old.start();
  await whole();
  const promoted = await master();
  expect(await promoted.look.mget('row', 'late')).toEqual(['1', null]);
  const replicas = redis.filter((pod) => pod !== promoted && pod !== old);
  expect(await Promise.all(replicas.map(stop))).toEqual(['not the master']);
}, 300_000);

it('a master does not hand over while a replica is behind, because the Sentinels might choose that one', async () => {
  const { master, redis } = await startCluster();
  const old = await master();
  const [behind] = redis.filter((pod) => pod !== old);
  behind?.signal('SIGSTOP');
  expect(await stop(old)).toBe('1 of 2 replicas have everything: no handing over');
  expect(await master()).toBe(old);
}, 300_000);

it('a master waits only briefly for missing Sentinels, and the hook of a frozen master ends', async () => {
  const { master, sentinels } = await startCluster();
  const old = await master();
  for (const sentinel of sentinels) sentinel.signal('SIGSTOP');
  expect(await stop(old)).toBe('no Sentinel names another master');
  old.signal('SIGSTOP');
  expect(await stop(old)).toBe('not the master');
}, 300_000);

it('a Redis and a Sentinel are alive while they answer anything, and not when they are frozen', async () => {
  const { redis, sentinels } = await startCluster();
  const pods = [['redis', redis[0]] as const, ['sentinel', sentinels[0]] as const];
  for (const [kind, pod] of pods) {
    if (!pod) throw new Error(`no ${kind}`);
    expect(await isAlive(kind, pod)).toBe(true);
    pod.signal('SIGSTOP');
    expect(await isAlive(kind, pod)).toBe(false);
    pod.signal('SIGCONT');
    await expect.poll(() => isAlive(kind, pod), patience).toBe(true);
  }
}, 300_000);

async function stop(pod: RedisPod): Promise<string> {
  const hook = redisManifest().lifecycle?.preStop.exec.command ?? [];
  const { status, output } = await pod.exec(hook, redisManifest().terminationGracePeriodSeconds * 1_000);
  expect(status).toBe(0);
  return output.trim();
}

async function startCluster() {
  const cluster = await startSentinels({ quick: true });
  onTestFinished(cluster.close);
  return cluster;
}
