import { setTimeout as sleep } from 'node:timers/promises';
import type { Broker } from '../broker/broker.ts';
import type { KafkaConnection } from '../kafka/connection.ts';
import type { BrokerManifest, KafkaSink } from '../../manifests/types.ts';
import { NAMESPACE } from '../../events/namespace.ts';
import type { Metrics } from './metrics.ts';
import type { Services } from '../serving/services.ts';

/** The function that has the figures of all others. */
export const EXPORTER = 'metrics';
/** Shorter than Prometheus's time-out for a scrape. */
const LIMIT_MS = 4_000;

/**
 * What `/_/metrics` answers: services, events and dead letters as the runner sees them, then what the exporter says, so that one
 * address has everything. What does not answer in time is left out, as on a cluster, and named in a comment.
 */
export async function allMetrics({
  metrics,
  services,
  broker,
  brokerManifest,
  sinks,
  kafka,
}: {
  metrics: Metrics;
  services: Services;
  broker: Pick<Broker, 'pending' | 'letters'>;
  brokerManifest: BrokerManifest;
  sinks: KafkaSink[];
  kafka: Pick<KafkaConnection, 'figures'> | undefined;
}): Promise<string> {
  const missing: string[] = [];
  const hasExporter = services.status().some(({ name }) => name === EXPORTER);
  const [ofKafka, exported] = await Promise.all([
    kafka && inTime('Kafka', kafka.figures(), missing),
    hasExporter ? inTime(EXPORTER, scrape(services), missing) : undefined,
  ]);
  const lags = broker.pending().map(({ trigger, waiting, inFlight }) => ({
    consumergroup: `knative-trigger-${NAMESPACE}-${trigger}`,
    topic: brokerManifest.topic,
    partition: 0,
    lag: waiting + inFlight,
  }));
  const letters = broker.letters();
  const own = sinks.map(({ topic }) => ({ topic, partition: 0, offset: letters.get(topic) ?? 0 }));
  const figures = {
    services: services.status(),
    lags: [...lags, ...(ofKafka?.lags ?? [])],
    // Where there is a Kafka, it has the dead letters, and its count outlives this machine's file.
    offsets: kafka ? (ofKafka?.offsets ?? []) : own,
  };
  const comments = missing.map((reason) => `# ${reason.replaceAll('\n', ' ')}\n`);
  return [await metrics.text(figures), exported ?? '', ...comments].join('\n');
}

/** @throws Error when the function does not say them */
export async function scrape({ send }: Services): Promise<string> {
  const get = { method: 'GET', headers: {}, body: Buffer.alloc(0) };
  const to = { service: EXPORTER, path: '/metrics' };
  const { status, body } = await send(to, get, AbortSignal.timeout(LIMIT_MS));
  if (status !== 200) throw new Error(`it answers ${status}`);
  return body.toString();
}

/** The figures, or undefined and a line in `missing` that says why. */
async function inTime<T>(who: string, figures: Promise<T>, missing: string[]): Promise<T | undefined> {
  const late = sleep(LIMIT_MS, undefined, { ref: false }).then(() => {
    throw new Error(`no answer within ${LIMIT_MS} ms`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([figures, late]);
  } catch (error) {
    missing.push(`without ${who}: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}
