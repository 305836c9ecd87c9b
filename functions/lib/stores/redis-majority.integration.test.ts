import { describe, expect, it, onTestFinished } from 'vitest';
import { startSentinels } from '../../testing/sentinels/sentinels.ts';
import { openLog } from '../runtime/log.ts';
import { sentinelsOf } from './redis-address.ts';
import { judge, openMajority, type Answer } from './redis-majority.ts';
import { openRedis } from './redis.ts';

const server = { address: 'redis-0.redis:6379', runId: 'a1' };
const sure: Answer = { ...server, flags: ['master'], epoch: 3 };
const other: Answer = { address: 'redis-2.redis:6379', runId: 'c1', flags: ['master'], epoch: 4 };
const flagged = (...flags: string[]): Answer => ({ ...sure, flags: ['master', ...flags] });

describe('of three Sentinels', () => {
  it.each<[what: string, answers: Answer[], verdict: string]>([
    ['all name it', [sure, sure, sure], 'named'],
    ['one is away', [sure, sure], 'named'],
    ['two are away', [sure], 'unsettled'],
    ['all are away', [], 'unsettled'],
    ['one alone does not see it', [sure, sure, flagged('s_down')], 'named'],
    ['two do not see it', [sure, flagged('s_down'), flagged('s_down', 'o_down')], 'unsettled'],
    [
      'two have just lost their connections to it',
      [sure, flagged('disconnected'), flagged('disconnected')],
      'unsettled',
    ],
    ['one is about to promote another server', [sure, sure, flagged('failover_in_progress')], 'unsettled'],
    ['one knows of a failover already', [sure, sure, other], 'replaced'],
    ['all know of it', [other, other, other], 'replaced'],
    ['one was cut off and still has the former master', [sure, sure, { ...other, epoch: 2 }], 'named'],
    [
      'two have not seen it since it restarted',
      [sure, { ...sure, runId: 'a0' }, { ...sure, runId: 'a0' }],
      'unsettled',
    ],
    [
      'they have yet to ask the new master for its run id',
      [
        { ...sure, runId: '' },
        { ...sure, runId: '' },
      ],
      'named',
    ],
    [
      'the Sentinel that led the failover to it is about to reconfigure the last replica',
      [sure, sure, { ...other, epoch: 3, flags: ['master', 'o_down', 'failover_in_progress'] }],
      'named',
    ],
  ])('when %s', (_, answers, verdict) => {
    expect(judge(answers, server, 2)).toBe(verdict);
  });
});

const log = openLog('test', 'silent');

it('counts writes while a majority of the Sentinels answers, and none without it', async () => {
  const { sentinels, env } = await startCluster();
  const client = await openRedis({ ...env, REDIS_REPLICAS: 1 }, log);
  onTestFinished(client.close);
  const write = () => client.write(`return redis.call('INCR', 'n')`, []);
  expect(await write()).toBe(1);

  const [, second, third] = sentinels;
  if (!second || !third) throw new Error('no Sentinel');
  // It keeps its connections open, but does not answer.
  third.signal('SIGSTOP');
  expect(await write()).toBe(2);
  second.signal('SIGSTOP');
  await expect(write()).rejects.toThrow('No majority of the Sentinels');
  second.signal('SIGCONT');
  third.signal('SIGCONT');
  await expect.poll(() => write().then(() => 'counts', String), patience).toBe('counts');
}, 300_000);

it('leaves a replaced master at once, even if it does not know', async () => {
  const { sentinels, env, master, replaced, whole } = await startCluster();
  const client = await openRedis({ ...env, REDIS_REPLICAS: 1 }, log);
  onTestFinished(client.close);
  const write = () => client.write(`return redis.call('INCR', 'n')`, []);
  await write();
  const old = await master();
  const failOver = async () => sentinels[0]?.look.call('SENTINEL', 'FAILOVER', 'formbus').catch(String);
  await expect.poll(failOver, patience).toBe('OK');
  await replaced(old);
  // It takes some seconds until the Sentinels make a replica of it.
  expect(await old.look.info('replication')).toContain('role:master');
  await expect.poll(() => write().then(() => 'counts', String), patience).toBe('counts');
  expect(await (await master()).look.get('n')).not.toBe('1');
  await whole();
}, 300_000);

it('identifies the server by the name that the Sentinels use, and shares one question between simultaneous calls', async () => {
  const { env, master, sentinels } = await startCluster();
  const address = sentinelsOf(env.REDIS_URL);
  if (!address) throw new Error('no Sentinels');
  const majority = openMajority(address, env.REDIS_PASSWORD);
  onTestFinished(majority.close);
  const { self, look } = await master();
  const runId = /^run_id:(\w+)/m.exec(await look.info('server'))?.[1] ?? '';
  expect(await majority.verdictOn({ address: self, runId })).toBe('named');
  expect(await majority.verdictOn({ address: self, runId: 'of a former life' })).toBe('unsettled');
  expect(await majority.verdictOn({ address: '127.0.0.9:1', runId })).toBe('replaced');

  const asked = async () =>
    Number(/total_commands_processed:(\d+)/.exec((await sentinels[0]?.look.info('stats')) ?? '')?.[1]);
  const before = await asked();
  await Promise.all(Array.from({ length: 1_000 }, () => majority.verdictOn({ address: self, runId })));
  expect((await asked()) - before).toBeLessThan(100);
}, 300_000);

const patience = { timeout: 60_000, interval: 100 };

async function startCluster() {
  const cluster = await startSentinels({ quick: true });
  onTestFinished(cluster.close);
  return cluster;
}
