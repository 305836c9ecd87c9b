import { describe, expect, it } from 'vitest';
import { broker, load, ping, problems, sink, toTask, trigger } from '../manifests-testing.ts';

const trigger1 = (spec: object = {}) => load({ 'eventing/triggers/task.yaml': trigger(spec) }).triggers[0];

describe('a Trigger', () => {
  it("has its own delivery as a whole, and nothing of the Broker's", () => {
    const ofBroker = {
      retry: 9,
      backoffPolicy: 'linear',
      backoffDelay: 'PT2S',
      timeout: 'PT5S',
      deadLetterSink: sink,
    };
    const files = { 'eventing/broker.yaml': broker({ delivery: ofBroker }) };
    const inherited = load({ ...files, 'eventing/triggers/task.yaml': trigger({}) }).triggers[0]?.delivery;
    expect(inherited).toEqual({
      retry: 9,
      backoffPolicy: 'linear',
      backoffDelayMs: 2_000,
      timeoutMs: 5_000,
      deadLetterTopic: 'dead-topic',
      deadLetterSink: 'dead',
    });
    const own = load({ ...files, 'eventing/triggers/task.yaml': trigger({ delivery: { retry: 2 } }) });
    expect(own.triggers[0]?.delivery).toEqual({
      retry: 2,
      backoffPolicy: 'exponential',
      backoffDelayMs: 1_000,
      timeoutMs: 600_000,
      deadLetterTopic: undefined,
      deadLetterSink: undefined,
    });
  });

  it('without any delivery is not retried', () => {
    expect(trigger1()?.delivery).toMatchObject({ retry: 0, deadLetterTopic: undefined });
  });

  it.each([
    ['PT0.5S', 500],
    ['PT1M30S', 90_000],
    ['P1DT2H', 93_600_000],
    ['P1W', 604_800_000],
  ])('reads the duration %s', (timeout, ms) => {
    expect(trigger1({ delivery: { timeout } })?.delivery.timeoutMs).toBe(ms);
  });

  it('passes every event without a filter; entries of filters override filter', () => {
    const filter = { attributes: { type: 'a' } };
    expect(trigger1()?.filter).toEqual({ kind: 'all', filters: [] });
    const exact = { kind: 'exact', attribute: 'type', value: 'a' };
    expect(trigger1({ filter })?.filter).toEqual({ kind: 'all', filters: [exact] });
    expect(trigger1({ filter, filters: [] })?.filter).toEqual({ kind: 'all', filters: [exact] });
    expect(trigger1({ filter, filters: [{ prefix: { type: 'b' } }] })?.filter).toEqual({
      kind: 'all',
      filters: [{ kind: 'all', filters: [{ kind: 'prefix', attribute: 'type', value: 'b' }] }],
    });
  });

  it('calls a Service, a path of it, or a URI', () => {
    expect(trigger1()?.subscriber).toEqual({ service: 'task', path: '/' });
    expect(trigger1({ subscriber: { ...toTask, uri: 'events?x=1' } })?.subscriber).toEqual({
      service: 'task',
      path: '/events?x=1',
    });
    expect(trigger1({ subscriber: { uri: 'http://elsewhere/x' } })?.subscriber).toEqual({
      uri: 'http://elsewhere/x',
    });
  });

  it.each<[string, object, string]>([
    ['CESQL', { filters: [{ cesql: 'TRUE' }] }, 'spec.filters.0.cesql: CESQL is not supported here'],
    [
      'a filter of two dialects',
      { filters: [{ exact: { a: '1' }, not: { exact: { a: '1' } } }] },
      'spec.filters.0: must have exactly one',
    ],
    ['an unknown Broker', { broker: 'other' }, 'spec.broker: there is no Broker "other" among the manifests'],
    ['an unknown Service', { subscriber: { ref: { ...toTask.ref, name: 'x' } } }, 'there is no Service "x"'],
    [
      'a Kubernetes Service',
      { subscriber: { ref: { ...toTask.ref, apiVersion: 'v1' } } },
      'only Services and URIs are called',
    ],
    ['no subscriber', { subscriber: {} }, 'spec.subscriber: must have a ref to a Service or an absolute uri'],
    [
      'a ref and an absolute URI',
      { subscriber: { ...toTask, uri: 'http://x/' } },
      'spec.subscriber: uri must be relative',
    ],
    [
      'an unknown dead-letter sink',
      { delivery: { deadLetterSink: { ref: { ...sink.ref, name: 'x' } } } },
      'there is no KafkaSink "x"',
    ],
    [
      'a Service as dead-letter sink',
      { delivery: { deadLetterSink: toTask } },
      'deadLetterSink.ref.kind: must be "KafkaSink", not "Service"',
    ],
    [
      'a duration in words',
      { delivery: { timeout: '30s' } },
      'spec.delivery.timeout: "30s" is not a duration',
    ],
    [
      'a duration in months',
      { delivery: { timeout: 'P1M' } },
      'spec.delivery.timeout: "P1M" is not a duration',
    ],
    ['a negative number of retries', { delivery: { retry: -1 } }, 'spec.delivery.retry'],
    ['retryAfterMax', { delivery: { retryAfterMax: 'PT5S' } }, 'spec.delivery.retryAfterMax: is an unknown'],
  ])('is refused with %s', (_, spec, problem) => {
    const found = problems({ 'eventing/triggers/task.yaml': trigger(spec) });
    expect(found.join('\n')).toContain(problem);
    expect(found[0]).toMatch(/^eventing\/triggers\/task\.yaml: /);
  });
});

describe('a PingSource', () => {
  const ping1 = (spec: object) => load({ 'eventing/sources/tick.yaml': ping(spec) }).pingSources[0];

  it('fires every minute unless it says when', () => {
    expect(ping1({})).toMatchObject({
      name: 'tick',
      schedule: '* * * * *',
      sink: { service: 'task', path: '/' },
    });
    expect(
      ping1({ schedule: '0 30 8 * * MON', timezone: 'Europe/Berlin', contentType: 'text/plain', data: 'x' }),
    ).toMatchObject({
      schedule: '0 30 8 * * MON',
      timezone: 'Europe/Berlin',
      contentType: 'text/plain',
      data: 'x',
    });
  });

  it.each<[string, object, string]>([
    [
      'a schedule that is none',
      { schedule: '61 * * * *' },
      'spec.schedule: "61 * * * *" is not a cron schedule',
    ],
    ['a schedule that Knative does not know', { schedule: '0 0 L * *' }, 'is not a cron schedule'],
    ['a time zone that is none', { timezone: 'Mars/Olympus' }, 'spec.timezone: is not a time zone'],
    ['extensions', { ceOverrides: { extensions: {} } }, 'spec.ceOverrides: is an unknown'],
    ['an unknown sink', { sink: { ref: { ...toTask.ref, name: 'x' } } }, 'there is no Service "x"'],
  ])('is refused with %s', (_, spec, problem) => {
    expect(problems({ 'eventing/sources/tick.yaml': ping(spec) }).join('\n')).toContain(problem);
  });
});
