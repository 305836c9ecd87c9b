import { setTimeout } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { manualClock } from '../broker/broker-testing.ts';
import type { Send } from '../delivery/send.ts';
import type { Clock } from '../delivery/clock.ts';
import type { PingSource } from '../../manifests/types.ts';
import { openSchedules } from './ping.ts';
import { recordingLog } from '../serving/testing.ts';

function source(settings: Partial<PingSource> = {}): PingSource {
  return {
    name: 'flush',
    file: 'eventing/sources/flush.yaml',
    schedule: '0 0 1 1 *',
    timezone: undefined,
    contentType: undefined,
    data: undefined,
    sink: { service: 'sheets-flush', path: '/' },
    ...settings,
  };
}

function open(settings: Partial<PingSource> = {}, send?: Send, clock?: Clock) {
  const answer = { status: 204, headers: {}, body: Buffer.alloc(0) };
  const sent = vi.fn<Send>(send ?? (() => Promise.resolve(answer)));
  const log = recordingLog();
  const schedules = openSchedules({ sources: [source(settings)], send: sent, log, ...(clock && { clock }) });
  onTestFinished(() => schedules.close());
  return { sent, log, schedules };
}

test('firing sends the event that Knative makes and returns what the sink answered', async () => {
  const { sent, schedules } = open({ data: '{"a":1}', contentType: 'application/json' });
  const before = Date.now();
  const fired = await schedules.fire('flush');
  const [call] = sent.mock.calls;
  if (!call) throw new Error('nothing was sent');
  const [to, { headers, body }] = call;
  expect(fired).toEqual({ schedule: 'flush', id: headers['ce-id'], status: 204 });
  expect(to).toEqual({ service: 'sheets-flush', path: '/' });
  expect(headers).toEqual({
    'ce-specversion': '1.0',
    'ce-type': 'dev.knative.sources.ping',
    'ce-source': '/apis/v1/namespaces/formbus/pingsources/flush',
    'ce-id': expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
    'ce-time': expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    'kn-namespace': 'formbus',
    'content-type': 'application/json',
  });
  expect(Date.parse(headers['ce-time'] ?? '')).toBeGreaterThanOrEqual(before);
  expect(body.toString()).toBe('{"a":1}');
  expect(schedules.status()).toMatchObject([{ name: 'flush', last: { id: headers['ce-id'], status: 204 } }]);
});

test('each firing is an event of its own', async () => {
  const { schedules } = open();
  const [first, second] = await Promise.all([schedules.fire('flush'), schedules.fire('flush')]);
  expect(first?.id).not.toBe(second?.id);
});

test('an event without data has no content type', async () => {
  const { sent, schedules } = open();
  await schedules.fire('flush');
  expect(sent.mock.calls[0]?.[1].headers).not.toHaveProperty('content-type');
});

test('there is nothing to fire under an unknown name', () => {
  expect(open().schedules.fire('other')).toBeUndefined();
});

test('the schedule fires by itself, again while an earlier run is still under way', async () => {
  const never: Send = (_, __, signal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('given up'))));
  const { sent, schedules } = open({ schedule: '* * * * * *' }, never);
  expect(schedules.status()[0]?.next).toMatch(/^\d{4}-/);
  await vi.waitFor(() => expect(sent.mock.calls.length).toBeGreaterThan(1));
});

test('by hand it is fired when the run of the schedule itself is over, and others by hand are not waited for', async () => {
  const answers: (() => void)[] = [];
  const answer = { status: 204, headers: {}, body: Buffer.alloc(0) };
  const slow: Send = () => new Promise((resolve) => answers.push(() => resolve(answer)));
  const { sent, schedules } = open({ schedule: '* * * * * *' }, slow);
  await vi.waitFor(() => expect(sent).toHaveBeenCalledTimes(1));
  schedules.reconcile([source()]);
  const byHand = Promise.all([schedules.fire('flush'), schedules.fire('flush')]);
  await setTimeout(50);
  expect(sent).toHaveBeenCalledTimes(1);
  answers[0]?.();
  await vi.waitFor(() => expect(sent).toHaveBeenCalledTimes(3));
  for (const give of answers) give();
  expect(await byHand).toMatchObject([{ status: 204 }, { status: 204 }]);
});

test('a failure is the same event again for some seconds, then it is an error in the log', async () => {
  const clock = manualClock();
  const { sent, schedules, log } = open({}, () => Promise.reject(new Error('nobody there')), clock);
  const fired = schedules.fire('flush');
  fired?.catch(() => {});
  for (let times = 1; times <= 5; times += 1) {
    await vi.waitFor(() => expect(clock.next()).toBeLessThan(Infinity));
    expect(sent).toHaveBeenCalledTimes(times);
    clock.advance(clock.next());
  }
  await expect(fired).rejects.toThrow('nobody there');
  await vi.waitFor(() =>
    expect(log.lines.at(-1)).toMatch(/^error flush: schedule not delivered: .*nobody there/),
  );
  expect(new Set(sent.mock.calls.map(([, { headers }]) => headers['ce-id'])).size).toBe(1);
});

test('closing ends the wait for the next attempt', async () => {
  const clock = manualClock();
  const { schedules } = open({}, () => Promise.reject(new Error('nobody there')), clock);
  const fired = schedules.fire('flush');
  fired?.catch(() => {});
  await vi.waitFor(() => expect(clock.next()).toBe(100));
  await schedules.close();
  await expect(fired).rejects.toThrow('formbus is stopping');
});

test('an invalid schedule or time zone is an error that names the manifest', () => {
  expect(() => open({ schedule: 'now and then' })).toThrow(
    /^eventing\/sources\/flush\.yaml: spec\.schedule: now and then: /,
  );
  expect(() => open({ timezone: 'Mars/Olympus' })).toThrow(
    /^eventing\/sources\/flush\.yaml: spec\.schedule: .*Mars/,
  );
});

test('other schedules while it runs: new ones fire, changed ones as they are now, those that are gone no more', async () => {
  const { sent, schedules } = open({ schedule: '* * * * * *' });
  await vi.waitFor(() => expect(sent).toHaveBeenCalled());
  const next = schedules.status()[0]?.last;
  const other = source({ name: 'other', schedule: '* * * * * *', sink: { service: 'other', path: '/' } });
  schedules.reconcile([source({ schedule: '0 0 1 1 *' }), other]);
  expect(schedules.status().map(({ name, schedule }) => [name, schedule])).toEqual([
    ['flush', '0 0 1 1 *'],
    ['other', '* * * * * *'],
  ]);
  expect(schedules.status()[0]?.last).toEqual(next);
  sent.mockClear();
  await vi.waitFor(() => expect(sent.mock.calls.length).toBeGreaterThan(1));
  expect(new Set(sent.mock.calls.map(([to]) => 'service' in to && to.service))).toEqual(new Set(['other']));
  expect(() => schedules.reconcile([source({ schedule: 'now and then' })])).toThrow('now and then');
  expect(schedules.status()).toHaveLength(2);
});
