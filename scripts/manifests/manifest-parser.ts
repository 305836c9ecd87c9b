import * as v from 'valibot';
import { annotationItems } from './annotations.ts';
import { type Delivery, DeliverySchema } from './schemas/delivery-schema.ts';
import {
  BrokerSchema,
  ConfigMapSchema,
  PingSourceSchema,
  TriggerSchema,
} from './schemas/eventing-schemas.ts';
import type { Filter } from '../events/trigger-filter.ts';
import { KafkaSinkSchema, KafkaSourceSchema, KafkaTopicSchema } from './schemas/kafka-schemas.ts';
import type { Resource } from './manifest-files.ts';
import type { Report } from './report.ts';
import type { Manifests, Subscriber } from './types.ts';
import { serviceOf } from './service-manifest.ts';
import { ServiceSchema } from './schemas/service-schema.ts';

/** Checks resources one by one and against each other; `problems` lists all that is wrong, a line each. */
export function parseResources(resources: Resource[]): { manifests: Manifests; problems: string[] } {
  const problems: string[] = [];
  const report: Report = (file, path, message) => void problems.push(`${file}: ${path}: ${message}`);
  const all = sort(resources, report);

  const exists = (kind: string, name: string) =>
    // Kubernetes has a kind Service, too, which is no destination of events.
    resources.some(
      (one) =>
        one.kind === kind && one.name === name && (kind !== 'Service' || roleOf(one).includes('.serving.')),
    );
  const refer = (file: string, path: string, kind: string, name: string) => {
    if (!exists(kind, name)) report(file, path, `there is no ${kind} "${name}" among the manifests`);
  };
  const referSubscriber = (file: string, path: string, to: Subscriber) => {
    if ('service' in to) refer(file, path, 'Service', to.service);
  };
  const deliveryOf = (file: string, spec: v.InferOutput<typeof DeliverySchema>): Delivery => {
    const { retry, backoffPolicy, backoffDelay: backoffDelayMs, timeout: timeoutMs, deadLetterSink } = spec;
    const sink = deadLetterSink?.ref.name;
    if (sink) refer(file, 'spec.delivery.deadLetterSink.ref.name', 'KafkaSink', sink);
    const deadLetterTopic = all.sinks.find(({ name }) => name === sink)?.spec.topic;
    return { retry, backoffPolicy, backoffDelayMs, timeoutMs, deadLetterTopic, deadLetterSink: sink };
  };

  const configMaps = all.configMaps.map(({ file, name, metadata, data }) => {
    const secretKeys = annotationItems(metadata.annotations, 'formbus.dev/secret-keys');
    return { file, name, data, secretKeys };
  });
  const brokers = all.brokers.map(({ file, name, metadata, spec }) => {
    if (spec.config) refer(file, 'spec.config.name', 'ConfigMap', spec.config.name);
    const given = metadata.annotations['kafka.eventing.knative.dev/external.topic'];
    const topic = given ?? `knative-broker-formbus-${name}`;
    return { file, name, topic, delivery: deliveryOf(file, spec.delivery ?? v.parse(DeliverySchema, {})) };
  });
  const triggers = all.triggers.map(({ file, name, spec }) => {
    refer(file, 'spec.broker', 'Broker', spec.broker);
    referSubscriber(file, 'spec.subscriber.ref.name', spec.subscriber);
    // A Trigger's own delivery takes the place of the Broker's as a whole; the two are not merged.
    const ofBroker = brokers.find(({ name }) => name === spec.broker)?.delivery;
    const delivery =
      spec.delivery || !ofBroker ? deliveryOf(file, spec.delivery ?? v.parse(DeliverySchema, {})) : ofBroker;
    // `filters` with entries overrides `filter`; its entries must all be true.
    const own: Filter = { kind: 'all', filters: spec.filters };
    const filter = spec.filters.length > 0 ? own : (spec.filter ?? own);
    return { file, name, broker: spec.broker, filter, subscriber: spec.subscriber, delivery };
  });
  const pingSources = all.pingSources.map(({ file, name, spec }) => {
    referSubscriber(file, 'spec.sink.ref.name', spec.sink);
    const { schedule, timezone, contentType, data, sink } = spec;
    return { file, name, schedule, timezone, contentType, data, sink };
  });
  const kafkaSources = all.kafkaSources.map(({ file, name, spec }) => {
    const { sink } = spec;
    if ('broker' in sink) refer(file, 'spec.sink.ref.name', 'Broker', sink.broker);
    else referSubscriber(file, 'spec.sink.ref.name', sink);
    const { topics, consumerGroup, consumers, initialOffset, ordering } = spec;
    const delivery = deliveryOf(file, spec.delivery ?? v.parse(DeliverySchema, {}));
    return { file, name, topics, consumerGroup, consumers, initialOffset, ordering, delivery, sink };
  });
  const kafkaSinks = all.sinks.map(({ file, name, spec: { topic, contentMode } }) => {
    return { file, name, topic, contentMode };
  });
  const kafkaTopics = all.kafkaTopics.map(({ file, name, spec }) => {
    const { topicName: topic = name, partitions, replicas, config } = spec;
    return { file, topic, partitions, replicas, config };
  });
  const services = all.services.map((service) => serviceOf(service, { configMaps, refer, report }));
  const eventing = { brokers, triggers, pingSources, kafkaSources, kafkaSinks, kafkaTopics };
  const manifests = { services, ...eventing, configMaps, others: all.others };
  return { manifests, problems };
}

/** Kinds that the runner runs, those of Kafka where it has one. */
const RUN = [
  'Service.serving.knative.dev',
  'Broker.eventing.knative.dev',
  'Trigger.eventing.knative.dev',
  'PingSource.sources.knative.dev',
  'KafkaSource.sources.knative.dev',
  'KafkaSink.eventing.knative.dev',
  'KafkaTopic.kafka.strimzi.io',
];
const KNATIVE = /\.(serving|eventing|sources|sinks|messaging|flows)\.knative\.dev$/;

/** `Kind.group`, as kubectl writes it. A ConfigMap of another namespace configures something else than our functions. */
function roleOf({ apiVersion, kind, content }: Resource): string {
  if (
    kind === 'ConfigMap' &&
    v.is(v.looseObject({ metadata: v.looseObject({ namespace: v.string() }) }), content)
  ) {
    return 'foreign ConfigMap';
  }
  return apiVersion.includes('/') ? `${kind}.${apiVersion.split('/')[0]}` : kind;
}

/** The resources by kind, each parsed by its schema; what does not parse is reported and left out. */
function sort(resources: Resource[], report: Report) {
  const of = <S extends v.GenericSchema<unknown, object>>(role: string, schema: S) =>
    resources
      .filter((resource) => roleOf(resource) === role)
      .flatMap((resource) => {
        const { file, name } = resource;
        const parsed = v.safeParse(schema, resource.content);
        if (parsed.success) return [{ ...parsed.output, file, name }];
        for (const issue of parsed.issues) report(file, v.getDotPath(issue) ?? 'the file', explain(issue));
        return [];
      });
  const seen = new Map<string, string>();
  for (const resource of resources) {
    const role = roleOf(resource);
    const key = `${role} ${resource.name}`;
    const first = seen.get(key);
    if (first) report(resource.file, 'metadata.name', `is that of ${first} already`);
    seen.set(key, resource.file);
    if (KNATIVE.test(role) && !RUN.includes(role)) {
      report(resource.file, 'kind', `${resource.kind} of ${resource.apiVersion} is not supported here`);
    }
  }
  return {
    services: of('Service.serving.knative.dev', ServiceSchema),
    brokers: of('Broker.eventing.knative.dev', BrokerSchema),
    triggers: of('Trigger.eventing.knative.dev', TriggerSchema),
    pingSources: of('PingSource.sources.knative.dev', PingSourceSchema),
    configMaps: of('ConfigMap', ConfigMapSchema),
    kafkaSources: of('KafkaSource.sources.knative.dev', KafkaSourceSchema),
    kafkaTopics: of('KafkaTopic.kafka.strimzi.io', KafkaTopicSchema),
    sinks: of('KafkaSink.eventing.knative.dev', KafkaSinkSchema),
    others: resources.filter((resource) => ![...RUN, 'ConfigMap'].includes(roleOf(resource))),
  };
}

/** Valibot's message in the words of a person who edits a manifest. */
function explain(issue: v.BaseIssue<unknown>): string {
  if (issue.type === 'strict_object' && issue.expected === 'never')
    return 'is an unknown or unsupported field';
  if (issue.received === 'undefined' && issue.kind === 'schema') return 'is missing';
  return issue.message.replace(/^Invalid \w+: Expected (.*) but received (.*)$/, 'must be $1, not $2');
}
