import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openRedis, type DurableRedis } from '../../../lib/stores/redis.ts';
import { recordedLog } from '../../../testing/log.ts';
import { startTestRedis, type TestRedis } from '../../../testing/redis.ts';
import { openClaims, type Claim, type ClaimsOptions } from './claims.ts';

let server: TestRedis;
let redis: DurableRedis;
beforeAll(async () => {
  server = await startTestRedis();
  const env = { REDIS_URL: server.url, REDIS_PASSWORD: undefined, REDIS_REPLICAS: 0 };
  redis = await openRedis(env, recordedLog().log);
});
afterAll(async () => {
  await redis.close();
  await server.close();
});
beforeEach(async () => {
  await server.look.flushall();
});

const most = { recipient: 10, domain: 1_000, form: 1_000 };
const open = (options: Partial<ClaimsOptions> = {}) =>
  openClaims({ redis, days: 45, caps: most, takenMs: 60_000, givenMs: 60_000, ...options });
const asha = { recipient: 'asha', domain: 'example', form: 'a-form', redrive: '' };

function holderOf(claim: Claim): string {
  if (claim.kind !== 'mine') throw new Error(`the claim is ${claim.kind}`);
  return claim.holder;
}

it('one of many deliveries gets the claim; the others are busy, and later find the mail sent', async () => {
  const claims = open();
  const takes = await Promise.all(Array.from({ length: 20 }, () => claims.take('1', asha)));
  expect(takes.filter(({ kind }) => kind === 'busy')).toHaveLength(19);
  const [mine] = takes.filter(({ kind }) => kind === 'mine');
  expect(mine && (await claims.give('1', holderOf(mine)))).toBe(true);
  expect(await claims.take('1', asha)).toEqual({ kind: 'busy' });
  await claims.sent('1');
  expect(await claims.take('1', asha)).toEqual({ kind: 'sent' });
  expect(await claims.take('2', asha)).toMatchObject({ kind: 'mine' });
});

it('only the holder can release a claim, which can then be taken again', async () => {
  const claims = open();
  const holder = holderOf(await claims.take('1', asha));
  await claims.free('1', 'somebody', asha);
  expect(await claims.take('1', asha)).toEqual({ kind: 'busy' });
  await claims.free('1', holder, asha);
  expect(await claims.take('1', asha)).toMatchObject({ kind: 'mine' });
});

describe('a holder that is gone', () => {
  it('before the mail is handed over: another delivery takes over, and the first sends nothing when it resumes', async () => {
    const [expired, claims] = [open({ takenMs: 0 }), open()];
    const first = holderOf(await expired.take('1', asha));
    const second = holderOf(await claims.take('1', asha));
    expect(await claims.give('1', first)).toBe(false);
    await claims.free('1', first, asha);
    expect(await claims.give('1', second)).toBe(true);
    expect(await claims.give('1', second)).toBe(false);
  });

  it('after the mail is handed over: the outcome is unknown until a person decides, and each decision allows one try', async () => {
    const claims = open({ givenMs: 0 });
    await claims.give('1', holderOf(await claims.take('1', asha)));
    expect(await claims.take('1', asha)).toEqual({ kind: 'unknown' });
    expect(await claims.take('1', asha)).toEqual({ kind: 'unknown' });
    const decided = { ...asha, redrive: '7' };
    const takes = await Promise.all(Array.from({ length: 5 }, () => claims.take('1', decided)));
    const [mine, ...others] = takes.filter(({ kind }) => kind === 'mine');
    expect(others).toEqual([]);
    expect(mine && (await claims.give('1', holderOf(mine)))).toBe(true);
    expect(await claims.take('1', decided)).toEqual({ kind: 'unknown' });
    expect(await claims.take('1', asha)).toEqual({ kind: 'unknown' });
    await claims.give('1', holderOf(await claims.take('1', { ...asha, redrive: '8' })));
    await claims.sent('1');
    expect(await claims.take('1', { ...asha, redrive: '9' })).toEqual({ kind: 'sent' });
  });

  it('resumes after another delivery took over and sent the mail: it stays sent', async () => {
    const [expired, claims] = [open({ givenMs: 0 }), open()];
    const first = holderOf(await expired.take('1', asha));
    await expired.give('1', first);
    const second = holderOf(await claims.take('1', { ...asha, redrive: '7' }));
    await claims.sent('1');
    expect(await claims.give('1', second)).toBe(false);
    await claims.free('1', first, asha);
    expect(await claims.take('1', asha)).toEqual({ kind: 'sent' });
  });
});

describe('the cap', () => {
  it('holds for many at once, for each recipient, and a mail over it stays over it', async () => {
    const claims = open({ caps: { ...most, recipient: 3 } });
    const ids = Array.from({ length: 10 }, (_, n) => `id-${n}`);
    const takes = await Promise.all(ids.map((id) => claims.take(id, asha)));
    expect(takes.map(({ kind }) => kind)).toEqual([
      ...Array.from({ length: 3 }, () => 'mine'),
      ...Array.from({ length: 7 }, () => 'over'),
    ]);
    expect(await claims.take('other', { ...asha, recipient: 'bo' })).toMatchObject({ kind: 'mine' });
    expect(await open({ caps: { ...most, recipient: 99 } }).take('id-9', asha)).toEqual({
      kind: 'over',
      cap: 'over',
    });
  });

  it('counts a mail once however often it is tried, and not at all when its claim is released', async () => {
    const claims = open({ caps: { ...most, recipient: 2 }, takenMs: 0 });
    for (let tries = 0; tries < 5; tries += 1)
      expect(await claims.take('1', asha)).toMatchObject({ kind: 'mine' });
    const holder = holderOf(await claims.take('2', asha));
    await claims.free('2', holder, asha);
    expect(await claims.take('3', asha)).toMatchObject({ kind: 'mine' });
    expect(await claims.take('2', asha)).toEqual({ kind: 'over', cap: 'over' });
  });
});

describe('the caps of a domain and of a form', () => {
  it.each([
    ['domain', 'over-domain', { domain: 'other' }],
    ['form', 'over-form', { form: 'other' }],
  ] as const)('hold for many at once, of the same %s only', async (cap, over, elsewhere) => {
    const claims = open({ caps: { ...most, [cap]: 3 } });
    const takes = await Promise.all(
      Array.from({ length: 10 }, (_, n) => claims.take(`id-${n}`, { ...asha, recipient: `${n}` })),
    );
    expect(takes.filter(({ kind }) => kind === 'mine')).toHaveLength(3);
    expect(takes.filter((take) => take.kind === 'over').map((take) => take.cap)).toEqual(
      Array.from({ length: 7 }, () => over),
    );
    const last = await claims.take('id-9', { ...asha, recipient: '9' });
    expect(last).toEqual({ kind: 'over', cap: over });
    const other = { ...asha, recipient: 'bo', ...elsewhere };
    expect(await claims.take('other', other)).toMatchObject({ kind: 'mine' });
  });

  it('count a mail once however often it is tried, and not at all when its claim is released', async () => {
    const claims = open({ caps: { ...most, domain: 2, form: 2 }, takenMs: 0 });
    for (let tries = 0; tries < 5; tries += 1) await claims.take('1', asha);
    for (let tries = 0; tries < 5; tries += 1) {
      const holder = holderOf(await claims.take('2', asha));
      await claims.free('2', holder, asha);
    }
    expect(await claims.take('3', asha)).toMatchObject({ kind: 'mine' });
    expect(await claims.take('4', asha)).toEqual({ kind: 'over', cap: 'over-domain' });
  });

  it('do not subtract a mail that was counted on another day', async () => {
    const claims = open();
    const holder = holderOf(await claims.take('1', asha));
    const counts = async () => [
      ...(await server.look.keys('mail:domain:*')),
      ...(await server.look.keys('mail:form:*')),
    ];
    // As after midnight: today there is the mail of somebody else only.
    await server.look.del(...(await server.look.keys('mail:day:*')), ...(await counts()));
    await claims.take('2', { ...asha, recipient: 'bo' });
    await claims.free('1', holder, asha);
    expect(await server.look.mget(...(await counts()))).toEqual(['1', '1']);
  });

  it('leave nothing in Redis after two days, nor when nothing is counted', async () => {
    const claims = open();
    await claims.free('1', holderOf(await claims.take('1', asha)), asha);
    expect(await server.look.keys('*')).toEqual([]);
    await claims.take('1', asha);
    for (const key of await server.look.keys('mail:d*'))
      expect(Math.abs((await server.look.ttl(key)) - 2 * 86_400)).toBeLessThan(60);
  });
});

it('the holder of a forgotten submission’s claim does not send the mail', async () => {
  const claims = open();
  const holder = holderOf(await claims.take('1', asha));
  await claims.forget('1');
  expect(await claims.give('1', holder)).toBe(false);
  await claims.free('1', holder, asha);
  expect(await claims.take('1', { ...asha, redrive: '7' })).toEqual({ kind: 'forgotten' });
});

it('claims expire after their days, counts after two; a claim takes 200 bytes at most', async () => {
  const claims = open();
  const id = '01a20f8d-8bd4-75a6-8839-17cb7025ce5d';
  const holder = holderOf(await claims.take(id, asha));
  const states = [await server.look.ttl(`mail:claim:${id}`)];
  await claims.give(id, holder);
  states.push(await server.look.ttl(`mail:claim:${id}`));
  await claims.sent(id);
  states.push(await server.look.ttl(`mail:claim:${id}`));
  for (const seconds of states) expect(Math.abs(seconds - 45 * 86_400)).toBeLessThan(60);
  const [day = ''] = await server.look.keys('mail:day:*');
  expect(Math.abs((await server.look.ttl(day)) - 2 * 86_400)).toBeLessThan(60);

  const memory = async () => Number(/used_memory:(\d+)/.exec(await server.look.info('memory'))?.[1]);
  const before = await memory();
  const [rounds, together] = [40, 500];
  for (let round = 0; round < rounds; round += 1)
    await Promise.all(Array.from({ length: together }, () => claims.sent(crypto.randomUUID())));
  const bytes = Math.round(((await memory()) - before) / (rounds * together));
  console.log(`a claim takes ${bytes} bytes`);
  expect(bytes).toBeLessThan(200);
});
