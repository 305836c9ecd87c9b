import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { replicasFollow, startTestRedis, type TestRedis } from '../../testing/redis.ts';
import type { Batch } from './types.ts';
import { openBuffer, type RowBuffer } from './buffer.ts';
import { openRowQueue, type RowQueue } from './row-queue.ts';
import { openLog } from '../runtime/log.ts';
import { openRedis, type DurableRedis } from '../stores/redis.ts';

/** What the buffer should be: rows by id with their times, in the states that they pass. */
interface Model {
  waiting: Map<string, number>;
  inFlight: Map<string, number>;
  left: string[];
}

/** A master and its replica, which takes over at a failover; the buffer always speaks to the master. */
interface Real {
  master: TestRedis;
  replica: TestRedis;
  redis: DurableRedis;
  buffer: RowBuffer;
  queue: RowQueue;
  /** The last batch; may be acknowledged long after. */
  batch: Batch | undefined;
}

const spreadsheetId = 'spreadsheet-1';
const log = openLog('test', 'silent');
const maxRows = 4;
type Command = fc.AsyncCommand<Model, Real>;
let real: Real;

async function connect(real: Real): Promise<void> {
  real.redis = await openRedis({ REDIS_URL: real.master.url, REDIS_REPLICAS: 1 }, log);
  real.buffer = openBuffer({ redis: real.redis, maxRows });
  real.queue = openRowQueue({ redis: real.redis, seenDays: 30 });
}

function command(name: string, run: (model: Model, real: Real) => Promise<void>): Command {
  return { check: () => true, run, toString: () => name };
}

const push = (n: number, time: number) =>
  command(`push ${n} at ${time}`, async ({ waiting, inFlight, left }, { queue }) => {
    const id = `id-${n}`;
    const isNew = !waiting.has(id) && !inFlight.has(id) && !left.includes(id);
    expect(await queue.push({ spreadsheetId, tab: 'form', id, time, cells: { n } })).toBe(isNew);
    if (isNew) waiting.set(id, time);
  });

const nextBatch = command('next batch', async (model, real) => {
  const batch = await real.buffer.nextBatch(spreadsheetId, { before: 1_000 });
  if (model.inFlight.size === 0) {
    const oldest = [...model.waiting]
      .toSorted(([a, s], [b, t]) => s - t || (a < b ? -1 : 1))
      .slice(0, maxRows);
    for (const [id, time] of oldest) {
      model.waiting.delete(id);
      model.inFlight.set(id, time);
    }
  }
  expect(batch?.rows.map(({ id }) => id) ?? []).toEqual([...model.inFlight.keys()]);
  if (batch) real.batch = batch;
});

const acknowledge = command('acknowledge', async (model, real) => {
  const { batch } = real;
  if (!batch) return;
  const { wasInFlight: done } = await real.buffer.acknowledge(batch);
  const ids = batch.rows.map(({ id }) => id);
  expect(done && ids).toEqual(done && [...model.inFlight.keys()]);
  if (!done) return;
  model.left.push(...ids);
  model.inFlight.clear();
});

const halve = command('halve', async (model, real) => {
  const batch = await real.buffer.nextBatch(spreadsheetId, { before: -1 });
  if (!batch) return;
  const keep = Math.ceil(batch.rows.length / 2);
  await real.buffer.reissue(batch, { keep });
  for (const [id, time] of [...model.inFlight].slice(keep)) {
    model.inFlight.delete(id);
    model.waiting.set(id, time);
  }
});

const crash = command('crash', async (_, real) => {
  await real.redis.close();
  real.master.kill('SIGKILL');
  await real.master.restart();
  await replicasFollow(real.master, 1);
  await connect(real);
});

const failover = command('failover', async (_, real) => {
  await real.redis.close();
  const { master, replica } = real;
  master.kill('SIGKILL');
  await replica.look.replicaof('NO', 'ONE');
  await master.restart();
  await master.look.replicaof('127.0.0.1', replica.port);
  real.master = replica;
  real.replica = master;
  await replicasFollow(real.master, 1);
  await connect(real);
});

beforeAll(async () => {
  const master = await startTestRedis();
  const replica = await startTestRedis();
  await replica.look.replicaof('127.0.0.1', master.port);
  await replicasFollow(master, 1);
  const redis = await openRedis({ REDIS_URL: master.url, REDIS_REPLICAS: 1 }, log);
  const queue = openRowQueue({ redis, seenDays: 30 });
  real = { master, replica, redis, buffer: openBuffer({ redis, maxRows }), queue, batch: undefined };
});
afterAll(async () => {
  await real.redis.close();
  await real.replica.close();
  await real.master.close();
});

it('lets each id leave once, oldest first, whatever happens in whatever order: duplicates, crashes, failovers', async () => {
  const often = fc.oneof(
    { weight: 6, arbitrary: fc.tuple(fc.nat(15), fc.nat(9)).map(([n, time]) => push(n, time)) },
    { weight: 3, arbitrary: fc.constant(nextBatch) },
    { weight: 3, arbitrary: fc.constant(acknowledge) },
    { weight: 1, arbitrary: fc.constant(halve) },
  );
  const rare = fc.oneof(fc.constant(crash), fc.constant(failover));
  const commands = fc.commands([fc.oneof({ weight: 40, arbitrary: often }, { weight: 1, arbitrary: rare })], {
    maxCommands: 60,
  });
  await fc.assert(
    fc.asyncProperty(commands, async (steps) => {
      await real.master.look.flushall();
      real.batch = undefined;
      const model: Model = { waiting: new Map(), inFlight: new Map(), left: [] };
      await fc.asyncModelRun(() => ({ model, real }), steps);
      while (model.waiting.size + model.inFlight.size > 0) {
        await nextBatch.run(model, real);
        await acknowledge.run(model, real);
      }
      expect(new Set(model.left).size).toBe(model.left.length);
      expect(await real.buffer.waiting()).toEqual([]);
    }),
    { numRuns: 40, endOnFailure: true },
  );
}, 180_000);
