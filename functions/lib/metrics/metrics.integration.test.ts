import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { startCollector, type Collector } from '../../testing/collector.ts';
import { recordedLog } from '../../testing/log.ts';
import { startFunction } from '../../testing/process.ts';
import { formEnv, postJson, startSink, student } from '../../testing/sink.ts';
import { openMetrics } from './metrics.ts';
import { openPusher } from './metrics-pusher.ts';

const accepted = 'formbus_submissions_accepted_total';
let collector: Collector;
beforeEach(async () => {
  collector = await startCollector();
  return collector.away;
});

/** A registry that pushes at once. */
function pushing(options: { patienceMs?: number; lastPatienceMs?: number } = {}) {
  const { log, messages } = recordedLog();
  const metrics = openMetrics();
  const { close } = metrics.startPushing({
    url: collector.url,
    service: 'demo',
    log,
    everyMs: 5,
    ...options,
  });
  onTestFinished(close);
  return { ...metrics, close, messages };
}

it('adds up increments and pushes them at once; pushes nothing when nothing is counted', async () => {
  const { counter, histogram, gauge, close } = pushing();
  for (let i = 0; i < 1_000; i += 1) counter(accepted, 'demo-form').add();
  counter(accepted, 'other-form').add(2);
  for (const seconds of [0.001, 0.002, 3, 100])
    histogram('formbus_publish_seconds', 'demo-form').observe(seconds);
  gauge('formbus_audit_lost', 'demo-form').set(7);
  gauge('formbus_audit_lost', 'demo-form').set(3);
  await expect.poll(() => collector.total(accepted, 'demo', 'demo-form')).toBe(1_000);
  expect(collector.total(accepted, 'demo', 'other-form')).toBe(2);
  expect(collector.total('formbus_audit_lost', 'demo', 'demo-form')).toBe(3);
  const bucket = (le: string) => collector.total('formbus_publish_seconds_bucket', 'demo', 'demo-form', le);
  expect(['0.001', '0.0025', '2.5', '5', '+Inf'].map(bucket)).toEqual([1, 2, 2, 3, 4]);
  expect(collector.total('formbus_publish_seconds_sum', 'demo', 'demo-form')).toBeCloseTo(103.003);
  await close();
  expect(collector.pushes).toHaveLength(1);
});

it('counts nothing before it is pushed and after it is closed', async () => {
  const { counter, startPushing } = openMetrics();
  counter(accepted, 'demo-form').add();
  const { log } = recordedLog();
  const first = startPushing({ url: collector.url, service: 'demo', log });
  counter(accepted, 'demo-form').add(5);
  await first.close();
  counter(accepted, 'demo-form').add();
  await startPushing({ url: collector.url, service: 'demo', log }).close();
  expect(collector.pushes).toHaveLength(1);
  expect(collector.total(accepted, 'demo', 'demo-form')).toBe(5);
});

it('repeats a push unchanged when its answer was lost, so that it counts once', async () => {
  const { counter } = pushing();
  collector.losesAnswers = true;
  counter(accepted, 'demo-form').add(3);
  await expect.poll(() => collector.pushes.length).toBeGreaterThanOrEqual(3);
  counter(accepted, 'demo-form').add(4);
  collector.losesAnswers = false;
  await expect.poll(() => collector.total(accepted, 'demo', 'demo-form')).toBe(7);
  const [first, second] = collector.pushes;
  expect(second).toEqual(first);
});

it('keeps counting while the collector is away, and logs it once', async () => {
  const { counter, messages } = pushing();
  await collector.away();
  for (let i = 0; i < 100; i += 1) {
    counter(accepted, `form-${i % 10}`).add();
    await vi.waitFor(() => expect(messages).toHaveLength(1));
  }
  await collector.back();
  const all = () => Array.from({ length: 10 }, (_, i) => collector.total(accepted, 'demo', `form-${i}`));
  await expect.poll(all).toEqual(Array.from({ length: 10 }, () => 10));
  expect(messages).toEqual(['metrics cannot be pushed; will be retried, see METRICS_URL']);
});

it('gives up a push that gets no answer, and sends it again', async () => {
  const { counter } = pushing({ patienceMs: 20 });
  collector.answer = () => {};
  counter(accepted, 'demo-form').add();
  await expect.poll(() => collector.pushes.length).toBeGreaterThan(1);
  collector.answer = undefined;
  await expect.poll(() => collector.total(accepted, 'demo', 'demo-form')).toBe(1);
});

it('drops a push that is refused permanently, and goes on with the next', async () => {
  const { counter, messages } = pushing();
  collector.answer = (res) => res.writeHead(400).end();
  counter(accepted, 'demo-form').add(100);
  await expect.poll(() => messages).toEqual(['a push of metrics was refused and is dropped']);
  collector.answer = undefined;
  counter(accepted, 'demo-form').add();
  await expect.poll(() => collector.total(accepted, 'demo', 'demo-form')).toBe(1);
});

it('puts the values of a label beyond the limit into one series, and cuts long values', async () => {
  const { counter } = pushing();
  counter(accepted, 'x'.repeat(100_000)).add();
  for (let i = 0; i < 6_000; i += 1) counter(accepted, `form-${i}`).add();
  await expect.poll(() => collector.total(accepted, 'demo', 'other')).toBe(1_001);
  expect(collector.total(accepted, 'demo', 'x'.repeat(200))).toBe(1);
});

it('has no timer while nothing is counted', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { log } = recordedLog();
  const pusher = openPusher({ url: collector.url, service: 'demo', log, take: () => [] });
  expect(vi.getTimerCount()).toBe(0);
  pusher.wake();
  pusher.wake();
  expect(vi.getTimerCount()).toBe(1);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(vi.getTimerCount()).toBe(0);
});

it('a form counts what it accepts and refuses, and pushes it at SIGTERM', async () => {
  const sink = await startSink();
  onTestFinished(() => sink.close());
  const env = formEnv(sink, {
    FUNCTION_TARGET: 'demo-form',
    K_SERVICE: 'demo-form',
    METRICS_URL: collector.url,
  });
  const form = await startFunction(join(import.meta.dirname, '../../main.ts'), env);
  const message = { name: 'Asha', message: 'Hello' };
  const post = async (body: unknown, headers = {}) => (await postJson(form.url, body, headers)).status;
  const statuses = [
    await post(message),
    await post(message, { accept: 'text/html' }),
    await post({}),
    await post('{'),
  ];
  expect(statuses).toEqual([202, 303, 422, 400]);
  expect(await post(message, { 'idempotency-key': 'k'.repeat(256) })).toBe(400);
  expect((await fetch(form.url)).status).toBe(200);
  expect(await post('x'.repeat(200_000))).toBe(413);
  sink.answer = (res) => res.writeHead(500).end();
  expect(await post(message)).toBe(503);
  expect(await post(message, { accept: 'text/html' })).toBe(503);
  form.kill('SIGTERM');
  expect(await form.exited).toBe(0);

  const form1 = ['demo-form', 'demo-form'];
  expect(collector.total(accepted, ...form1)).toBe(2);
  expect(collector.total('formbus_publish_seconds_count', ...form1)).toBe(2);
  expect(collector.total('formbus_publish_batch_events_sum', 'demo-form')).toBe(2);
  const refused = (...labels: string[]) =>
    collector.total('formbus_submissions_refused_total', ...form1, ...labels);
  expect(refused('422', 'fields')).toBe(1);
  expect(refused('400', 'malformed')).toBe(1);
  expect(refused('400', 'idempotency-key')).toBe(1);
  expect(refused('413', 'too-large')).toBe(1);
  expect(refused('503', 'not-acknowledged')).toBe(2);
  const id = expect.stringMatching(/^[\da-f-]{36}$/);
  const stored = { msg: 'accepted', id, type: 'form.submitted' };
  const failed = { msg: 'not acknowledged', id, reason: expect.stringContaining('The sink answered 500') };
  expect(form.logged().filter((line) => 'id' in line)).toMatchObject([stored, stored, failed, failed]);
});

it('a form answers and stops as usual when its pushes hang or METRICS_URL cannot be resolved', async () => {
  const sink = await startSink();
  onTestFinished(() => sink.close());
  collector.answer = () => {};
  for (const METRICS_URL of [collector.url, 'http://metrics.formbus.invalid/']) {
    const env = formEnv(sink, { FUNCTION_TARGET: 'student-data-form', METRICS_URL });
    const form = await startFunction(join(import.meta.dirname, '../../main.ts'), env);
    expect((await postJson(form.url, student)).status).toBe(202);
    form.kill('SIGTERM');
    expect(await form.exited).toBe(0);
  }
  expect(collector.pushes).toHaveLength(1);
});
