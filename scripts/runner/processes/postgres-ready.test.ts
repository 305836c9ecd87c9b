import { expect, test } from 'vitest';
import { keptLog } from '../broker/broker-testing.ts';
import { type State, untilReady } from './postgres-ready.ts';

/** A server that is in each state for so many milliseconds, and says nothing after the last. */
function server(states: [State, number][], { endsAt = Infinity } = {}) {
  let now = 0;
  let stopped = false;
  const clock = { now: () => now, sleep: async (ms: number) => void (now += ms) };
  const ask = async () => {
    let end = 0;
    return states.find(([, ms]) => now < (end += ms))?.[0] ?? 'silent';
  };
  const child = {
    running: () => !stopped && now < endsAt,
    exited: Promise.resolve('exited with code 1'),
    lastLines: () => 'first\nredo in progress',
    stop: async () => void (stopped = true),
  };
  const log = keptLog();
  const said = () => `at ${now}`;
  return {
    ready: untilReady({ child, said, ask, log, clock }),
    log,
    now: () => now,
    isStopped: () => stopped,
  };
}

test('a server that recovers for an hour is waited for, and what it does is told every ten seconds', async () => {
  const hour = 3_600_000;
  const { ready, log, now } = server([
    ['silent', 20_000],
    ['recovering', hour],
    ['silent', 20_000],
    ['ready', Infinity],
  ]);
  await ready;
  expect(now()).toBeGreaterThan(hour + 40_000);
  expect(log.lines.length).toBeGreaterThan(300);
  expect(log.lines[0]).toEqual({
    level: 'info',
    message: 'PostgreSQL recovers from a crash and is not ready yet',
    fields: { from: 'postgres', said: expect.stringMatching(/^at 20\d\d\d$/) },
  });
});

test('a server that says nothing for half a minute is ended and reported with its last lines', async () => {
  const { ready, now, isStopped } = server([['recovering', 5_000]]);
  await expect(ready).rejects.toThrow(/^postgres was not ready within 30000 ms:\nfirst\nredo in progress/);
  expect(now()).toBeGreaterThan(35_000);
  expect(isStopped()).toBe(true);
});

test('a server that ends while it recovers is reported at once', async () => {
  const { ready, now } = server([['recovering', 60_000]], { endsAt: 45_000 });
  await expect(ready).rejects.toThrow(/^postgres exited with code 1:\nfirst\nredo in progress/);
  expect(now()).toBeLessThan(46_000);
});
