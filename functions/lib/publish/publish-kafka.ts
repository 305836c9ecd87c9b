import { openCommitQueue } from './commit-queue.ts';
import type { Env } from '../runtime/env.ts';
import { connectionOf, type kafkaEnv } from './kafka-env.ts';
import { openBatchProducer } from './kafka-producer.ts';
import { eventRecord, sizeOf } from './kafka-record.ts';
import { reasonOf, type Log } from '../runtime/log.ts';
import { histogram } from '../metrics/metrics.ts';
import type { Publisher } from './publisher.ts';

/**
 * Publishes to Kafka with group commit: many events in one request, one request at a time as long as Kafka answers.
 * @throws EnvError when what is said about the connection does not fit together
 */
export function openKafkaPublisher(env: Env<typeof kafkaEnv>, log: Log): Publisher {
  const producer = openBatchProducer(connectionOf(env), env.KAFKA_TOPIC);
  const batchEvents = histogram('formbus_publish_batch_events');
  const push = openCommitQueue({
    async commit(records) {
      await producer.send(records);
      batchEvents.observe(records.length);
    },
    sizeOf,
    onChange(failure) {
      if (failure === undefined) log.info('Kafka takes events again');
      else
        log.warn({ reason: reasonOf(failure) }, 'Kafka does not take events; forms answer 503 after a while');
    },
  });
  // The first submission shall not have to wait for it. Without Kafka the form starts as well.
  producer
    .connect()
    .catch((error: unknown) => log.warn({ reason: reasonOf(error) }, 'Kafka is not there yet'));
  return {
    publish: (event) => push(eventRecord(event)),
    close: producer.close,
  };
}
