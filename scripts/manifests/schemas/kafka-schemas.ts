import * as v from 'valibot';
import { DeliverySchema } from './delivery-schema.ts';
import { Destination } from './eventing-schemas.ts';
import { metadataOf, Name } from './metadata-schema.ts';

/** KafkaSource, KafkaSink and KafkaTopic as far as the one-machine runner honours them; other fields are refused. */

const TopicName = v.pipe(v.string(), v.regex(/^(?!\.{1,2}$)[-._a-zA-Z0-9]{1,249}$/, 'is not a topic name'));

/** How to reach the cluster and log in there; the runner has a Kafka of its own, or uses one that is given. */
const Elsewhere = v.optional(v.unknown());

const BrokerRef = v.pipe(
  v.strictObject({
    ref: v.strictObject({
      apiVersion: v.literal('eventing.knative.dev/v1'),
      kind: v.literal('Broker'),
      name: v.string(),
    }),
  }),
  v.transform(({ ref }) => ({ broker: ref.name })),
);

const isBrokerRef = (sink: unknown) =>
  v.is(v.looseObject({ ref: v.looseObject({ kind: v.literal('Broker') }) }), sink);

/** What is left out has Knative's default (`kafka_defaults.go`), apart from the group, which would be a random one. */
export const KafkaSourceSchema = v.strictObject({
  apiVersion: v.picklist(['sources.knative.dev/v1', 'sources.knative.dev/v1beta1']),
  kind: v.literal('KafkaSource'),
  metadata: metadataOf('KafkaSource'),
  spec: v.strictObject({
    bootstrapServers: Elsewhere,
    net: Elsewhere,
    topics: v.pipe(v.array(TopicName), v.minLength(1, 'must name a topic')),
    consumerGroup: v.string(),
    consumers: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(100)), 1),
    initialOffset: v.optional(v.picklist(['earliest', 'latest']), 'latest'),
    ordering: v.optional(v.picklist(['ordered', 'unordered']), 'ordered'),
    delivery: v.optional(DeliverySchema),
    sink: v.lazy((sink) => (isBrokerRef(sink) ? BrokerRef : Destination)),
  }),
});

export const KafkaSinkSchema = v.strictObject({
  apiVersion: v.literal('eventing.knative.dev/v1alpha1'),
  kind: v.literal('KafkaSink'),
  metadata: metadataOf('KafkaSink'),
  spec: v.strictObject({
    bootstrapServers: Elsewhere,
    auth: Elsewhere,
    topic: TopicName,
    contentMode: v.optional(v.picklist(['binary', 'structured']), 'binary'),
  }),
});

const Count = v.pipe(v.number(), v.integer(), v.minValue(1));

/** Strimzi leaves partitions and replicas to the brokers where they are missing; here partitions have to be said. */
export const KafkaTopicSchema = v.strictObject({
  apiVersion: v.picklist(['kafka.strimzi.io/v1', 'kafka.strimzi.io/v1beta2']),
  kind: v.literal('KafkaTopic'),
  metadata: v.looseObject({ name: Name }),
  spec: v.strictObject({
    topicName: v.optional(TopicName),
    partitions: Count,
    replicas: v.optional(Count),
    config: v.optional(
      v.record(v.string(), v.pipe(v.union([v.string(), v.number(), v.boolean()]), v.transform(String))),
      {},
    ),
  }),
});
