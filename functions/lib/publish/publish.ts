import * as v from 'valibot';
import { EnvError, type Env } from '../runtime/env.ts';
import { kafkaEnv } from './kafka-env.ts';
import type { Log } from '../runtime/log.ts';
import { openHttpPublisher } from './publish-http.ts';
import { openKafkaPublisher } from './publish-kafka.ts';
import type { Publisher } from './publisher.ts';

export const publisherEnv = {
  ...kafkaEnv,
  /** Knative's SinkBinding contract. */
  K_SINK: v.pipe(
    v.optional(v.pipe(v.string(), v.url('not a URL'), v.regex(/^https?:/, 'not an http or https URL'))),
    v.description(
      'the address that events are sent to, e.g. http://broker-ingress.knative-eventing/formbus/formbus',
    ),
  ),
};

/**
 * Publishes to Kafka or, without KAFKA_BROKERS, to the sink. Logs which one it uses.
 * @throws EnvError when neither is set
 */
export function openPublisher(env: Env<typeof publisherEnv>, log: Log): Publisher {
  const { KAFKA_BROKERS: brokers, KAFKA_TOPIC: topic, K_SINK: sink } = env;
  if (brokers !== undefined) {
    log.info({ brokers, topic }, 'events go to Kafka');
    return openKafkaPublisher(env, log);
  }
  if (sink === undefined)
    throw new EnvError(
      'The environment is not complete:\n  KAFKA_BROKERS and K_SINK are missing; set KAFKA_BROKERS to the addresses of Kafka, or K_SINK to the address of a Broker',
    );
  log.info({ sink }, 'events go to a sink over HTTP');
  return openHttpPublisher(sink);
}
