import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { killPoint } from '../../testing/kill-points.ts';
import { passTime, waitingOf } from '../../testing/later.ts';
import { recordedLog } from '../../testing/log.ts';
import { startTestRedis, type TestRedis } from '../../testing/redis.ts';
import { Refused, Unavailable } from '../runtime/errors.ts';
import { openRedis, type DurableRedis } from '../stores/redis.ts';
import { openLater, type Later, type OpenLaterOptions, type Verdict } from './later.ts';
import { doubling, inTurn } from './pauses.ts';
import { TryLater } from './try-later.ts';

const { log } = recordedLog();
const minute = 60_000;
let server: TestRedis;
let redis: DurableRedis;
let env: OpenLaterOptions['env'];
/** What the receiver has, once an id, and the dead letters. */
let delivered: string[];
let letters: [id: string, code: number, text: string][];
/** By id: how the handler's next tries end; then it delivers. */
let ends: Record<string, Verdict[]>;

beforeAll(async () => {
  server = await startTestRedis();
  const sink = 'http://127.0.0.1:1/formbus/dead-letters';
  env = { REDIS_URL: server.url, REDIS_REPLICAS: 0, SEEN_DAYS: 30, DEAD_LETTER_SINK: sink };
  redis = await openRedis(env, log);
});
afterAll(async () => {
  await redis.close();
  await server.close();
});
beforeEach(async () => {
  await server.look.flushall();
  delivered = [];
  letters = [];
  ends = {};
});

const done: Verdict = { kind: 'done', reply: undefined };
const later = (reason = 'full', destination = 'example.org'): Verdict => ({
  kind: 'later',
  error: new TryLater(reason, { destination }),
});
const down: Verdict = { kind: 'unavailable', error: new Unavailable('Redis is away.'), code: 503 };
const refused: Verdict = { kind: 'refused', error: new Refused('gone'), code: 400 };
const idOf = (body: string) => body.slice(1, -1);

async function handle({ body }: { body: string }): Promise<Verdict> {
  const id = idOf(body);
  const end = ends[id]?.shift() ?? done;
  if (end === done && !delivered.includes(id)) delivered.push(id);
  return end;
}

async function deadLetters({
  message,
  code,
  text,
}: Parameters<NonNullable<OpenLaterOptions['deadLetters']>>[0]) {
  letters.push([idOf(message.body), code, text]);
}

function open(options: Partial<OpenLaterOptions> = {}): Later {
  const connect = async () => redis;
  const pauses = inTurn(5_000, 5 * minute, 30 * minute);
  return openLater({ task: 'webhook', env, log, pauses, handle, deadLetters, connect, ...options });
}

const entry = (id: string, destination = 'example.org') => ({
  id,
  message: { headers: { 'ce-id': id }, body: `"${id}"` },
  destination,
  reason: 'full',
  redriven: false,
});
const waiting = () => waitingOf(server.look, 'webhook');
const reasonOf = (id: string) => server.look.hget(`later:entry:webhook:${id}`, 'reason');
/** Nothing of an event is left, in whatever key. */
async function expectEmpty() {
  expect((await server.look.keys('*')).filter((key) => !key.startsWith('later:forgotten:'))).toEqual([
    'later:tasks',
  ]);
}

describe('an event that will be retried', () => {
  it('is tried when its pause is over and not before, and is gone when it is done', async () => {
    const queue = open();
    await queue.put(entry('a'));
    await queue.run();
    expect([delivered, await waiting()]).toEqual([[], ['a']]);
    await passTime(server.look, 5_000);
    await queue.run();
    expect(delivered).toEqual(['a']);
    await expectEmpty();
  });

  it('is tried after each of its pauses, then becomes a dead letter with the last reason', async () => {
    const queue = open();
    ends['a'] = [later('second'), later('third'), later('fourth')];
    await queue.put(entry('a'));
    for (const [pause, reason] of [
      [5_000, 'second'],
      [5 * minute, 'third'],
    ] as const) {
      await passTime(server.look, pause - 2_000);
      await queue.run();
      await passTime(server.look, 2_000);
      await queue.run();
      expect(await reasonOf('a')).toBe(reason);
      expect(letters).toEqual([]);
    }
    await passTime(server.look, 30 * minute);
    await queue.run();
    expect([letters, delivered]).toEqual([[['a', 503, 'fourth']], []]);
    await expectEmpty();
  });

  it('becomes a dead letter at once when the task refuses it', async () => {
    const queue = open();
    ends['a'] = [refused];
    await queue.put(entry('a'));
    await passTime(server.look, minute);
    await queue.run();
    expect(letters).toEqual([['a', 400, 'gone']]);
    await expectEmpty();
  });

  it('loses no try while a dependency is unavailable; three such answers in a row end the run', async () => {
    const queue = open({ atOnce: 1 });
    const ids = ['a', 'b', 'c', 'd', 'e'];
    for (const id of ids) {
      ends[id] = [down, down];
      await queue.put(entry(id));
    }
    await passTime(server.look, 5_000);
    await queue.run();
    expect(ids.map((id) => ends[id]?.length)).toEqual([1, 1, 1, 2, 2]);
    expect(await server.look.hmget('later:entry:webhook:a', 'failures', 'downs')).toEqual(['1', '1']);
    for (let minutes = 0; minutes < 5; minutes += 1) {
      await passTime(server.look, minute);
      await queue.run();
    }
    expect(delivered.toSorted()).toEqual(ids);
    expect(letters).toEqual([]);
  });

  it('becomes a dead letter when a dependency has been unavailable for 35 hours', async () => {
    const queue = open();
    ends['a'] = [down];
    await queue.put(entry('a'));
    await server.look.hset('later:entry:webhook:a', 'downs', 2_100);
    await passTime(server.look, 5_000);
    await queue.run();
    expect(letters).toEqual([['a', 503, 'Redis is away.']]);
  });

  it('is kept while the dead-letter sink fails', async () => {
    const failing = open({ deadLetters: () => Promise.reject(new Error('away')) });
    ends['a'] = [refused, refused];
    await failing.put(entry('a'));
    await passTime(server.look, 5_000);
    await failing.run();
    expect(await waiting()).toEqual(['a']);
    await passTime(server.look, minute);
    await open().run();
    expect(letters).toEqual([['a', 400, 'gone']]);
    await expectEmpty();
  });

  it('keeps its turn when the Broker delivers it again; a redriven event replaces the old one', async () => {
    const queue = open();
    ends['a'] = [later()];
    await queue.put(entry('a'));
    await passTime(server.look, 5_000);
    await queue.run();
    const message = { headers: { 'ce-id': 'a', 'ce-redriven': '7' }, body: '"a"' };
    await queue.put({ ...entry('a'), message: { ...message, headers: {} } });
    const stored = () => server.look.hgetall('later:entry:webhook:a');
    expect(await stored()).toMatchObject({ failures: '2', message: JSON.stringify(entry('a').message) });
    await queue.put({ ...entry('a'), message, redriven: true });
    expect(await stored()).toMatchObject({ failures: '2', message: JSON.stringify(message) });
    await queue.run();
    expect(delivered).toEqual([]);
    await passTime(server.look, 5 * minute);
    await queue.run();
    expect(delivered).toEqual(['a']);
    await expectEmpty();
  });
});

describe('several events at a time', () => {
  it('all runs together try at most so many of one destination, and do not hold up others', async () => {
    let most = 0;
    let underWay = 0;
    const gate = Promise.withResolvers<void>();
    const slow = async (message: { body: string }) => {
      if (!message.body.includes('slow')) return handle(message);
      underWay += 1;
      most = Math.max(most, underWay);
      await gate.promise;
      underWay -= 1;
      return handle(message);
    };
    const [one, other] = [open({ handle: slow, atOnce: 2 }), open({ handle: slow, atOnce: 2 })];
    const slowOnes = Array.from({ length: 9 }, (_, n) => `slow-${n}`);
    for (const id of slowOnes) await one.put(entry(id));
    for (const id of ['a', 'b', 'c']) await one.put(entry(id, 'example.com'));
    await passTime(server.look, 5_000);
    const runs = [one.run(), other.run()];
    await expect.poll(() => delivered.toSorted()).toEqual(['a', 'b', 'c']);
    expect(underWay).toBe(2);
    gate.resolve();
    await Promise.all(runs);
    expect(most).toBe(2);
    expect(delivered.toSorted()).toEqual(['a', 'b', 'c', ...slowOnes].toSorted());
    await expectEmpty();
  });

  it('two runs try each of 200 events once', async () => {
    const queue = open();
    const tried: string[] = [];
    const count = async (message: { body: string }) => {
      tried.push(idOf(message.body));
      return handle(message);
    };
    const ids = Array.from({ length: 200 }, (_, n) => `id-${n}`);
    await Promise.all(ids.map((id, n) => queue.put(entry(id, `${n % 7}.example.org`))));
    await passTime(server.look, 5_000);
    await Promise.all([open({ handle: count }).run(), open({ handle: count }).run()]);
    expect(tried.toSorted()).toEqual(ids.toSorted());
    await expectEmpty();
  });
});

it('a killed run holds its event, and its place for the destination, until its lease ends', async () => {
  const begun = Promise.withResolvers<void>();
  const killed = open({
    atOnce: 1,
    handle: () => {
      begun.resolve();
      return new Promise(() => {});
    },
  });
  for (const id of ['a', 'b']) await killed.put(entry(id));
  await passTime(server.look, 5_000);
  void killed.run();
  await begun.promise;
  await open({ atOnce: 1 }).run();
  expect(delivered).toEqual([]);
  await passTime(server.look, 3 * minute);
  await open({ atOnce: 1 }).run();
  expect(delivered.toSorted()).toEqual(['a', 'b']);
  await expectEmpty();
});

describe('a run that is frozen for longer than its lease', () => {
  it.each([
    ['done', done],
    ['again', later()],
    ['refused', refused],
  ])('changes nothing when it resumes and reports %s, because another run has the event', async (_, end) => {
    const [woken, begun] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const frozen = open({
      handle: async () => {
        begun.resolve();
        await woken.promise;
        return end;
      },
    });
    await frozen.put(entry('a'));
    await passTime(server.look, 5_000);
    const run = frozen.run();
    await begun.promise;
    await open().run();
    expect(delivered).toEqual([]);
    await passTime(server.look, 3 * minute);
    ends['a'] = [later('from the other one')];
    await open().run();
    woken.resolve();
    await run;
    expect([letters, await reasonOf('a')]).toEqual([[], 'from the other one']);
  });
});

describe('a submission that is forgotten', () => {
  it('is removed with the replies about it and not added again; others stay', async () => {
    const queue = open();
    for (const id of ['a', 'a/task', 'ab', 'b/a']) await queue.put(entry(id));
    await queue.forget('a');
    expect(await waiting()).toEqual(['ab', 'b/a']);
    for (const id of ['a', 'a/other']) await queue.put(entry(id));
    expect(await waiting()).toEqual(['ab', 'b/a']);
    await passTime(server.look, 5_000);
    await queue.run();
    expect(delivered.toSorted()).toEqual(['ab', 'b/a']);
    await expectEmpty();
  });

  it.each([
    ['tried later', later()],
    ['refused', refused],
    ['down', down],
  ])('while it is tried: nothing of it is kept, nor a dead letter, when it is %s', async (_, end) => {
    const queue = open({
      handle: async () => {
        await queue.forget('a');
        return end;
      },
    });
    await queue.put(entry('a'));
    await passTime(server.look, 5_000);
    await queue.run();
    expect([await waiting(), letters]).toEqual([[], []]);
    await expectEmpty();
  });
});

it.each([
  ['tried later', later(), [], ['a']],
  ['down', down, [], ['a']],
  ['refused', refused, ['a'], []],
  ['done', done, [], []],
])(
  'Redis loses everything while an event is tried, which is %s: the run does not lose the event',
  async (_, end, dead, left) => {
    const queue = open({
      handle: async () => {
        await server.look.flushall();
        return end;
      },
    });
    await queue.put(entry('a'));
    await passTime(server.look, 5_000);
    await queue.run();
    expect([letters.map(([id]) => id), await waiting()]).toEqual([dead, left]);
  },
);

it('a run is killed at each of its steps: every event is delivered or becomes a dead letter, and nothing is left in Redis', async () => {
  for (let n = 0; ; n += 1) {
    await server.look.flushall();
    delivered = [];
    letters = [];
    ends = { b: [later()], c: [refused, refused], d: [later(), later(), later(), later()] };
    const kill = killPoint(n);
    const dying = open({
      workers: 1,
      connect: async () => kill.redis(redis),
      handle: kill.call(handle),
      deadLetters: kill.call(deadLetters),
    });
    // The Broker delivers again what the task did not acknowledge.
    const redelivered: string[] = [];
    for (const id of ['a', 'b', 'c', 'd']) await dying.put(entry(id)).catch(() => void redelivered.push(id));
    await passTime(server.look, 40 * minute);
    await dying.run().catch(() => {});
    for (const id of redelivered) await open().put(entry(id));
    for (let again = 0; again < 6; again += 1) {
      await passTime(server.look, 40 * minute);
      await open().run();
    }
    expect([n, delivered.toSorted()]).toEqual([n, ['a', 'b']]);
    expect([n, new Set(letters.map(([id]) => id))]).toEqual([n, new Set(['c', 'd'])]);
    // One that is killed after the letter and before the removal makes another letter of the same event.
    expect(letters.length).toBeLessThanOrEqual(3);
    await expectEmpty();
    if (!kill.wasReached()) return expect(n).toBeGreaterThan(20);
  }
});

it('pauses double up to the longest, vary by a fifth, and end', () => {
  const at = (random: number) => doubling({ firstMs: 2, longestMs: 16, endMs: 60, random: () => random });
  const all = (random: number) => Array.from({ length: 9 }, (_, n) => at(random)(n + 1));
  expect(all(0.5)).toEqual([2, 4, 8, 16, 16, 14, undefined, undefined, undefined]);
  expect(doubling({ firstMs: 100, longestMs: 100, endMs: 1_000, random: () => 0 })(1)).toBe(80);
  expect(doubling({ firstMs: 100, longestMs: 100, endMs: 1_000, random: () => 1 })(1)).toBe(120);
});
