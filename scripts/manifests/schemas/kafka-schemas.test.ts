import { describe, expect, it } from 'vitest';
import { load, problems, sink, toTask, yaml } from '../manifests-testing.ts';

const file = 'eventing/sources/orders.yaml';
const toBroker = { ref: { apiVersion: 'eventing.knative.dev/v1', kind: 'Broker', name: 'bus' } };
const source = (spec: object) =>
  yaml('sources.knative.dev/v1', 'KafkaSource', 'orders', {
    spec: { bootstrapServers: ['k:9092'], topics: ['orders'], consumerGroup: 'g', sink: toBroker, ...spec },
  });
const source1 = (spec: object) => load({ [file]: source(spec) }).kafkaSources[0];

describe('a KafkaSource', () => {
  it("has Knative's defaults where it says nothing", () => {
    expect(source1({})).toEqual({
      name: 'orders',
      file,
      topics: ['orders'],
      consumerGroup: 'g',
      consumers: 1,
      initialOffset: 'latest',
      ordering: 'ordered',
      delivery: expect.objectContaining({ retry: 0, deadLetterSink: undefined }),
      sink: { broker: 'bus' },
    });
  });

  it('sends to the Broker, a Service or a URI', () => {
    expect(source1({ sink: toTask })?.sink).toEqual({ service: 'task', path: '/' });
    expect(source1({ sink: { uri: 'http://elsewhere/x' } })?.sink).toEqual({ uri: 'http://elsewhere/x' });
  });

  it('has its own delivery, and how to reach the cluster is not looked at', () => {
    const delivery = { retry: 3, backoffPolicy: 'linear', backoffDelay: 'PT2S', deadLetterSink: sink };
    const read = source1({ delivery, net: { tls: { enable: true } }, consumers: 3, ordering: 'unordered' });
    expect(read?.delivery).toMatchObject({ retry: 3, backoffDelayMs: 2_000, deadLetterSink: 'dead' });
  });

  it.each<[string, object, string]>([
    [
      'ceOverrides',
      { ceOverrides: { extensions: {} } },
      'spec.ceOverrides: is an unknown or unsupported field',
    ],
    ['no consumer group', { consumerGroup: undefined }, 'spec.consumerGroup: is missing'],
    ['no topic', { topics: [] }, 'spec.topics: must name a topic'],
    ['a topic of no possible name', { topics: ['a b'] }, 'spec.topics.0: is not a topic name'],
    ['no consumers', { consumers: 0 }, 'spec.consumers'],
    ['another order', { ordering: 'random' }, 'spec.ordering'],
    ['another begin', { initialOffset: 'yesterday' }, 'spec.initialOffset'],
    ['an unknown Broker', { sink: { ref: { ...toBroker.ref, name: 'x' } } }, 'there is no Broker "x"'],
    ['an unknown Service', { sink: { ref: { ...toTask.ref, name: 'x' } } }, 'there is no Service "x"'],
    [
      'an unknown dead-letter sink',
      { delivery: { deadLetterSink: { ref: { ...sink.ref, name: 'x' } } } },
      'there is no KafkaSink "x"',
    ],
  ])('is refused with %s, by file and field', (_, spec, problem) => {
    const found = problems({ [file]: source(spec) });
    expect(found.join('\n')).toContain(problem);
    expect(found[0]).toMatch(/^eventing\/sources\/orders\.yaml: /);
  });
});

describe('a KafkaSink', () => {
  const of = (spec: object) => ({
    'eventing/dead.yaml': yaml('eventing.knative.dev/v1alpha1', 'KafkaSink', 'dead', { spec }),
  });

  it('writes in binary mode unless it says otherwise', () => {
    const modeOf = (spec: object) => load(of(spec)).kafkaSinks.map(({ contentMode }) => contentMode);
    expect(modeOf({ topic: 't' })).toEqual(['binary']);
    expect(modeOf({ topic: 't', contentMode: 'structured' })).toEqual(['structured']);
  });

  it('is refused with partitions of its own: a KafkaTopic says those', () => {
    expect(problems(of({ topic: 't', numPartitions: 3 }))).toEqual([
      'eventing/dead.yaml: spec.numPartitions: is an unknown or unsupported field',
    ]);
  });
});

describe('a KafkaTopic', () => {
  const of = (spec: object) => ({
    'knative/platform/kafka/orders.yaml': yaml('kafka.strimzi.io/v1', 'KafkaTopic', 'orders', { spec }),
  });

  it('has the name of its resource unless it has one of its own, and its settings as text', () => {
    const topicOf = (spec: object) => load(of(spec)).kafkaTopics[0];
    expect(topicOf({ partitions: 3, replicas: 2, config: { 'retention.ms': 1000 } })).toMatchObject({
      topic: 'orders',
      partitions: 3,
      replicas: 2,
      config: { 'retention.ms': '1000' },
    });
    expect(topicOf({ topicName: 'Orders_1', partitions: 3, replicas: 2 })?.topic).toBe('Orders_1');
  });

  it('is refused without partitions; how many replicas there are may be left to the brokers', () => {
    expect(problems(of({}))).toEqual(['knative/platform/kafka/orders.yaml: spec.partitions: is missing']);
  });
});
