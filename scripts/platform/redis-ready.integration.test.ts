import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../functions/testing/sentinels/line.ts';
import { type Pod, startPod } from '../../functions/testing/sentinels/pod.ts';
import { complaint, isAlive } from '../../functions/testing/sentinels/readiness.ts';

const patience = { timeout: 60_000, interval: 50 };

it('a replica is not ready without a connection to its master', async () => {
  const { master, replica } = await startPair();
  expect(await complaint(master)).toBe('');
  await master.kill();
  expect(await complaint(master)).toContain('Connection refused');
  await expect.poll(() => complaint(replica), patience).toContain('master_link_status:down');
  master.start();
  await expect.poll(() => complaint(replica), patience).toBe('');
}, 200_000);

it('a master is not ready without a replica: the next pod must not be taken away', async () => {
  const { master, replica } = await startPair();
  await replica.kill();
  await expect.poll(() => complaint(master), patience).toContain('min_slaves_good_slaves:0');
  replica.start();
  await expect.poll(() => complaint(master), patience).toBe('');
}, 200_000);

it('a frozen Redis is not ready, and its probe ends', async () => {
  const { master } = await startPair();
  master.signal('SIGSTOP');
  expect(await complaint(master)).toContain('no answer');
  master.signal('SIGCONT');
  await expect.poll(() => complaint(master), patience).toBe('');
}, 200_000);

it('a Redis that loads its data is alive and not ready', async () => {
  // While loading, Redis answers only every 1,024 rows.
  const { master } = await startPair(['key-load-delay 500']);
  await expect.poll(() => fill(master), patience).toBe('OK');
  await master.kill();
  master.start();
  await expect.poll(() => complaint(master), patience).toContain('LOADING');
  expect(await isAlive('redis', master)).toBe(true);
  await expect.poll(() => complaint(master), patience).toBe('');
}, 200_000);

/** A master and its replica, without Sentinels that would replace the master. */
async function startPair(settings: string[] = []) {
  const dir = mkdtempSync(join(tmpdir(), 'formbus-ready-'));
  const peers = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`] as const;
  const env = { PEERS: peers.join(' '), SENTINELS: '' };
  const [master, replica] = [start(peers[0]), start(peers[1])];
  onTestFinished(async () => {
    await Promise.all([master.close(), replica.close()]);
    rmSync(dir, { recursive: true });
  });
  await expect.poll(() => complaint(replica), patience).toBe('');
  return { master, replica };

  function start(self: string) {
    const common = { dir, kind: 'redis', password: 'only-for-this-machine' } as const;
    const own = ['bind 127.0.0.1', 'repl-diskless-sync-delay 0', ...settings];
    return startPod({ ...common, self, env, settings: own });
  }
}

/** Writes are refused until the replica has reported its offset. */
async function fill({ look }: Pod): Promise<string> {
  const rows = Array.from({ length: 8_192 }, (_, n) => ['set', `row:${n}`, 'x']);
  const answers = (await look.pipeline(rows).exec()) ?? [];
  return String(answers.find(([error]) => error)?.[0] ?? 'OK');
}
