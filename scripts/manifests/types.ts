import type { Filter } from '../events/trigger-filter.ts';
import type { ContentMode } from '../events/kafka-record.ts';
import type { Delivery } from './schemas/delivery-schema.ts';
import type { Resource } from './manifest-files.ts';

/** The resources that the runner runs, parsed: what `loadManifests` returns. */
export interface Service {
  name: string;
  /** Path below the root, for messages. */
  file: string;
  /** `networking.knative.dev/visibility: cluster-local`: not reachable through the gateway. */
  clusterLocal: boolean;
  /** An explicit entry wins over one of `envFrom`. */
  env: EnvVar[];
  /** Requests that one instance handles at once; 0 = unlimited. */
  containerConcurrency: number;
  timeoutSeconds: number;
  minScale: number;
  /** 0 = unlimited. */
  maxScale: number;
  /** Requests in flight per instance that the autoscaler aims at. */
  target: number;
  /** Length of the window over which requests in flight are averaged; idle for it = scaled down. */
  windowSeconds: number;
  image: string;
  /** undefined = what the image starts. */
  command: string[] | undefined;
  args: string[];
}

/** Values of ConfigMaps are filled in; those of Secrets are the installation's. */
export type EnvVar = { name: string } & (
  | { value: string }
  | { secret: string; key: string; optional: boolean }
);

export interface BrokerManifest {
  name: string;
  file: string;
  /** Where a cluster's Broker keeps its events. */
  topic: string;
}

export interface Trigger {
  name: string;
  file: string;
  broker: string;
  filter: Filter;
  subscriber: Subscriber;
  delivery: Delivery;
}

/** `path` begins with a slash. */
export type Subscriber = { service: string; path: string } | { uri: string };

export interface PingSource {
  name: string;
  file: string;
  /** Cron of five parts, or six with seconds first. */
  schedule: string;
  timezone: string | undefined;
  contentType: string | undefined;
  data: string | undefined;
  sink: Subscriber;
}

export interface KafkaSource {
  name: string;
  file: string;
  topics: string[];
  consumerGroup: string;
  /** Members of the group that the runner runs. */
  consumers: number;
  /** Where a group begins that has never committed. */
  initialOffset: 'earliest' | 'latest';
  /** `ordered`: the next record of a partition waits until the one before it is done. */
  ordering: 'ordered' | 'unordered';
  delivery: Delivery;
  sink: Subscriber | { broker: string };
}

export interface KafkaSink {
  name: string;
  file: string;
  topic: string;
  contentMode: ContentMode;
}

export interface KafkaTopic {
  file: string;
  topic: string;
  partitions: number;
  /** undefined = as many as the brokers say. */
  replicas: number | undefined;
  config: Record<string, string>;
}

export interface ConfigMap {
  name: string;
  file: string;
  data: Record<string, string>;
  /** Keys that the Secret of the same name holds; the annotation `formbus.dev/secret-keys` says so. */
  secretKeys: string[];
}

export interface Manifests {
  services: Service[];
  brokers: BrokerManifest[];
  triggers: Trigger[];
  pingSources: PingSource[];
  kafkaSources: KafkaSource[];
  kafkaSinks: KafkaSink[];
  kafkaTopics: KafkaTopic[];
  configMaps: ConfigMap[];
  /** Resources that this runner does not run. */
  others: Resource[];
}
