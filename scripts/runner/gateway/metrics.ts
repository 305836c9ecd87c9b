import { Gauge, Histogram, Registry } from 'prom-client';
import type { ServiceStatus } from '../serving/services.ts';

/** What a consumer group has not committed of a partition. */
export interface Lag {
  consumergroup: string;
  topic: string;
  partition: number;
  /** Records. */
  lag: number;
}

export interface Offset {
  topic: string;
  partition: number;
  /** Of the next record: how many there were so far. */
  offset: number;
}

/** What `text` needs at each scrape. */
interface Figures {
  services: ServiceStatus[];
  lags: Lag[];
  offsets: Offset[];
}

export type Metrics = ReturnType<typeof openMetrics>;

const SERVICE = ['kn_service_name', 'kn_configuration_name', 'kn_revision_name'] as const;
type ServiceLabel = (typeof SERVICE)[number];

/**
 * What a cluster says of itself, by the names that it has there, so that one dashboard serves both: Knative Serving 1.23's for
 * autoscaling and requests (OpenTelemetry's `kn.revision.…`, as its Prometheus exporter writes them), the Kafka Exporter's of
 * Strimzi for events. Concurrency is the moment's here, and the stable window's average there.
 */
export function openMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const invocations = new Histogram({
    name: 'kn_serving_invocation_duration_seconds',
    help: 'The duration of task execution',
    labelNames: [...SERVICE, 'http_response_status_code'],
    // queue-proxy's own.
    buckets: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
    registers,
  });
  const gauge = (name: string, help: string, value: (status: ServiceStatus) => number) => ({
    gauge: new Gauge({ name, help, labelNames: [...SERVICE], registers }),
    value,
  });
  const gauges = [
    gauge('kn_revision_pods_desired', 'Number of pods the autoscaler wants to allocate', (s) => s.wanted),
    gauge('kn_revision_pods_requested', 'Number of pods autoscaler requested', (s) => s.wanted),
    gauge('kn_revision_pods_count', 'Number of pods that are ready', (s) => s.instances),
    gauge('kn_revision_pods_not_ready_count', 'Number of pods that are not ready', (s) => s.starting),
    gauge('kn_revision_concurrency_stable', 'Requests under way', (s) => s.inFlight + s.queued),
    gauge('kn_revision_concurrency_target', 'The desired requests for each pod', (s) => s.target),
    gauge('kn_revision_request_queued', 'Requests that wait for capacity', (s) => s.queued),
  ];
  const lag = new Gauge({
    name: 'kafka_consumergroup_lag',
    help: 'Records that a consumer group has not committed',
    labelNames: ['consumergroup', 'topic', 'partition'],
    registers,
  });
  const offset = new Gauge({
    name: 'kafka_topic_partition_current_offset',
    help: 'Offset of the next record of a partition',
    labelNames: ['topic', 'partition'],
    registers,
  });

  return {
    /** An instance has answered a request. */
    answered(service: string, status: number, seconds: number) {
      invocations.observe({ ...labelsOf(service), http_response_status_code: status }, seconds);
    },

    /** In Prometheus' text format. What is not in the figures any more is gone. */
    text({ services, lags, offsets }: Figures): Promise<string> {
      for (const { gauge, value } of gauges) {
        gauge.reset();
        for (const status of services) gauge.set(labelsOf(status.name), value(status));
      }
      lag.reset();
      for (const { lag: records, ...labels } of lags) lag.set(labels, records);
      offset.reset();
      for (const { offset: next, ...labels } of offsets) offset.set(labels, next);
      return registry.metrics();
    },
  };
}

/** There is one revision of a Service here; it is named as its first is there. */
function labelsOf(service: string): Record<ServiceLabel, string> {
  return {
    kn_service_name: service,
    kn_configuration_name: service,
    kn_revision_name: `${service}-00001`,
  };
}
