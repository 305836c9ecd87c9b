import { expect, test } from 'vitest';
import { openConnections } from './connections.ts';
import type { Instance } from './instance.ts';
import { openInstancePool } from './instance-pool.ts';

/** An instance without a process: it is gone as soon as it is stopped. */
function instance(pid: number) {
  const { promise: exited, resolve } = Promise.withResolvers<string>();
  const stops: (number | undefined)[] = [];
  const fake: Instance = {
    pid,
    port: pid,
    connections: openConnections(pid),
    exited,
    async stop(graceMs) {
      stops.push(graceMs);
      resolve('was stopped');
    },
  };
  return { ...fake, stops, die: resolve };
}

function open() {
  const seen: string[] = [];
  const pool = openInstancePool({
    onRelease: (isMember) => seen.push(`released ${isMember ? 'in' : 'outside'} the pool`),
    onExit: ({ pid }, how, served) => seen.push(`${pid} ${how} after ${served}`),
    onStopped: ({ pid }) => seen.push(`${pid} stopped`),
  });
  return { pool, seen };
}

const any = { target: 9, limit: 9 };

test('leases the oldest instance up to its target, then those with the fewest requests, and none beyond the limit', () => {
  const { pool } = open();
  for (const pid of [1, 2]) pool.add(instance(pid));
  const lease = () => pool.lease({ target: 2, limit: 3 });
  const leases = Array.from({ length: 7 }, lease);
  expect(leases.map((one) => one?.instance.pid)).toEqual([1, 1, 2, 2, 1, 2, undefined]);
  leases[1]?.release();
  leases[1]?.release();
  expect(lease()?.instance.pid).toBe(1);
  expect(lease()).toBeUndefined();
  expect([pool.inFlight(), pool.leases()]).toEqual([6, 7]);
});

test('knows what is under way, also when instances are drained or gone', async () => {
  const { pool } = open();
  const [one, two] = [instance(1), instance(2)];
  pool.add(one);
  pool.add(two);
  const leases = [1, 2, 3].map(() => pool.lease({ target: 1, limit: 9 }));
  expect([pool.ready(), pool.inFlight()]).toEqual([{ count: 2, inFlight: 3 }, 3]);
  pool.drain(1);
  expect([pool.ready(), pool.inFlight()]).toEqual([{ count: 1, inFlight: 2 }, 3]);
  one.die('died');
  two.die('died');
  await expect.poll(() => pool.pids()).toEqual([]);
  for (const lease of leases) lease?.release();
  expect([pool.ready(), pool.inFlight()]).toEqual([{ count: 0, inFlight: 0 }, 0]);
});

test('drains the idlest ones first, each after its last request, and leases them no more', async () => {
  const { pool, seen } = open();
  const [busy, one] = [instance(1), instance(2)];
  pool.add(busy);
  const leases = [pool.lease(any), pool.lease(any)];
  pool.add(one);
  const last = pool.lease({ target: 1, limit: 9 });
  expect(last?.instance.pid).toBe(2);
  pool.drain(1);
  expect(pool.lease(any)?.instance.pid).toBe(1);
  expect([pool.ready(), pool.inFlight(), one.stops]).toEqual([{ count: 1, inFlight: 3 }, 4, []]);
  last?.release();
  pool.retireIdle();
  expect(one.stops).toEqual([undefined]);
  await expect.poll(() => seen).toEqual(['released in the pool', '2 stopped']);
  expect([pool.pids(), leases.length]).toEqual([[1], 2]);
});

test('reports an instance that ends by itself, and one that it stopped as stopped only', async () => {
  const { pool, seen } = open();
  const one = instance(1);
  pool.add(one);
  const lease = pool.lease(any);
  one.die('exited with code 3');
  await expect.poll(() => seen).toEqual(['1 exited with code 3 after 0']);
  lease?.release();
  expect(seen.at(-1)).toBe('released outside the pool');
  const two = instance(2);
  pool.add(two);
  await pool.close(70);
  expect([two.stops, pool.instances(), seen.length]).toEqual([[70], [], 2]);
});
