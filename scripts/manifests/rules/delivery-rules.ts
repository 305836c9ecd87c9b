import type { Resource } from '../manifest-files.ts';
import { at, ofKind, type Repository, type Rule } from './repository.ts';

/**
 * Linear: the n-th retry waits n seconds, about 35 hours in all, where exponential would soon wait for days. A Trigger has
 * none, and so the Broker's, or a whole one: what it leaves out it does not get from the Broker.
 */
const DELIVERY = { backoffPolicy: 'linear', backoffDelay: 'PT1S', retry: 500, timeout: 'PT60S' };

/** Every hop of an event has the same retries and a dead-letter sink. */
export const deliveries: Rule = (repository) =>
  ['Trigger', 'KafkaSource', 'Broker']
    .flatMap((kind) => ofKind(repository, kind))
    .filter(({ kind, content }) => kind !== 'Trigger' || at(content, 'spec', 'delivery') !== undefined)
    .flatMap(({ file, content }) => {
      const found = Object.entries(DELIVERY)
        .filter(([field, value]) => at(content, 'spec', 'delivery', field) !== value)
        .map(([field, value]) => `${file}: spec.delivery.${field} is not ${value}`);
      const sink = at(content, 'spec', 'delivery', 'deadLetterSink', 'ref');
      const known = ofKind(repository, 'KafkaSink').some(({ name }) => name === at(sink, 'name'));
      if (at(sink, 'kind') !== 'KafkaSink' || !known)
        found.push(`${file}: spec.delivery.deadLetterSink is not one of our KafkaSinks`);
      return found;
    });

/** A task may take as long as its caller waits and its own manifest says. */
export const timeouts: Rule = (repository, { triggers, services }) => [
  ...triggers.flatMap(({ file, subscriber, delivery }) => {
    const service = services.find(({ name }) => 'service' in subscriber && subscriber.service === name);
    if (!service || service.timeoutSeconds * 1_000 >= delivery.timeoutMs) return [];
    return [`${service.file}: timeoutSeconds is shorter than the time-out in ${file}`];
  }),
  ...services.flatMap(({ file, timeoutSeconds: effective }) => {
    const { content } = repository.resources.find((one) => one.file === file) ?? {};
    const said = Number(at(content, 'spec', 'template', 'spec', 'timeoutSeconds') ?? effective);
    if (said === effective) return [];
    return [`${file}: timeoutSeconds is ${said}, but an answer has to begin within ${effective}`];
  }),
];

/** Topics exist, all Kafka resources use one cluster, and a consumer that starts late skips no event. */
export const kafka: Rule = (repository, { configMaps }) => {
  const found: string[] = [];
  const config = configMaps.find(({ file }) => file === 'knative/config.yaml')?.data ?? {};
  const topics = ofKind(repository, 'KafkaTopic');
  const sources = ofKind(repository, 'KafkaSource');
  const sinks = ofKind(repository, 'KafkaSink');
  const uses = [
    { file: 'knative/config.yaml', topic: config['KAFKA_TOPIC'], servers: config['KAFKA_BROKERS'] },
    ...configMaps
      .filter(({ data }) => 'bootstrap.servers' in data)
      .map(({ file, data }) => ({ file, servers: data['bootstrap.servers'] })),
    ...[...sources, ...sinks].map(({ file, content }) => ({
      file,
      topic: at(content, 'spec', 'topic') ?? at(content, 'spec', 'topics', 0),
      servers: at(content, 'spec', 'bootstrapServers', 0),
    })),
  ];
  const clusters = new Set(topics.map(bootstrapOf));
  for (const use of uses) {
    if ('topic' in use && !topics.some(({ name }) => name === use.topic))
      found.push(`${use.file}: there is no KafkaTopic ${String(use.topic)}`);
    if (!clusters.has(String(use.servers)))
      found.push(`${use.file}: no KafkaTopic is in the cluster ${String(use.servers)}`);
  }
  if (clusters.size > 1) found.push(`knative/platform/kafka: the topics are in ${clusters.size} clusters`);
  if (!sources.some(({ content }) => at(content, 'spec', 'topics', 0) === config['KAFKA_TOPIC'])) {
    found.push(`knative/config.yaml: no KafkaSource reads KAFKA_TOPIC`);
  }
  for (const { file, content } of sources) {
    if (at(content, 'spec', 'ordering') !== 'unordered')
      found.push(`${file}: spec.ordering is not unordered`);
    if (at(content, 'spec', 'initialOffset') !== 'earliest')
      found.push(`${file}: spec.initialOffset is not earliest`);
    if (!at(content, 'spec', 'consumerGroup')) found.push(`${file}: spec.consumerGroup is missing`);
    const broker = at(content, 'spec', 'sink', 'ref', 'name');
    if (!ofKind(repository, 'Broker').some(({ name }) => name === broker))
      found.push(`${file}: there is no Broker ${String(broker)}`);
  }
  return found;
};

/** A task remembers an id for longer than its event can be redelivered, from the topics and then from the dead letters. */
export const memory: Rule = (repository, { configMaps }) => {
  const days = ofKind(repository, 'KafkaTopic').reduce((sum, { content }) => sum + retentionDays(content), 0);
  const seen = Number(configMaps.find(({ file }) => file === 'knative/config.yaml')?.data['SEEN_DAYS']);
  return seen > days
    ? []
    : [`knative/config.yaml: SEEN_DAYS is not above the ${days} days that Kafka keeps events`];
};

const DAY_MS = 86_400_000;

function retentionDays(content: Resource['content']): number {
  const ms = at(content, 'spec', 'config', 'retention.ms');
  // Kafka's own default is 7 days; -1 keeps for ever.
  if (ms === undefined) return 7;
  return Number(ms) < 0 ? Infinity : Number(ms) / DAY_MS;
}

/** Strimzi's name for the address of the cluster that a KafkaTopic belongs to, with the port of TLS and passwords. */
function bootstrapOf({ content }: Repository['resources'][number]): string {
  const cluster = at(content, 'metadata', 'labels', 'strimzi.io/cluster');
  return `${String(cluster)}-kafka-bootstrap.${String(at(content, 'metadata', 'namespace'))}:9093`;
}
