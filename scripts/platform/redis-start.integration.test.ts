import { mkdirSync, rmSync } from 'node:fs';
import { expect, it, onTestFinished } from 'vitest';
import type { Pod } from '../../functions/testing/sentinels/pod.ts';
import { complaint } from '../../functions/testing/sentinels/readiness.ts';
import { startSentinels } from '../../functions/testing/sentinels/sentinels.ts';

async function startCluster() {
  const cluster = await startSentinels();
  onTestFinished(cluster.close);
  return cluster;
}

/** Writes are refused until the replicas have reported their offsets. */
async function write({ look }: Pod, value: string) {
  await expect.poll(() => look.set('row', value).catch(String), patience).toBe('OK');
}

/** Sentinels that could not agree on a leader try again after twice their failover-timeout: 60 s. */
const patience = { timeout: 150_000, interval: 100 };

it('a master that lost its disk does not empty the others: it waits until another is the master', async () => {
  const { redis, master, whole } = await startCluster();
  const [first] = redis;
  if (!first) throw new Error('no Redis');
  await write(first, '1');
  expect(await first.look.wait(2, 5_000)).toBe(2);
  await first.kill();
  rmSync(first.data, { recursive: true });
  mkdirSync(first.data);
  // Before the Sentinels notice.
  first.start();
  await expect.poll(master, patience).not.toBe(first);
  await whole();
  expect(first.output()).toContain('waiting until one of them is the master');
  await expect.poll(() => first.look.get('row'), patience).toBe('1');
}, 600_000);

it('a killed master returns as a replica; when all restart at once each keeps its role; then all are ready', async () => {
  const { redis, sentinels, master, replaced, whole } = await startCluster();
  const [first] = redis;
  if (!first) throw new Error('no Redis');
  expect(await Promise.all(redis.map(complaint))).toEqual(['', '', '']);
  await first.kill();
  await replaced(first);
  const promoted = await master();
  first.start();
  await whole();
  expect(await master()).toBe(promoted);
  await write(promoted, '2');

  for (const one of [...redis, ...sentinels]) await one.kill();
  for (const one of [...redis, ...sentinels]) one.start();
  await whole();
  expect(await master()).toBe(promoted);
  expect(await Promise.all(redis.map(complaint))).toEqual(['', '', '']);
  await expect
    .poll(() => Promise.all(redis.map(({ look }) => look.get('row'))), patience)
    .toEqual(['2', '2', '2']);
}, 600_000);
