import { openCommitQueue } from './commit-queue.ts';
import type { Env } from '../runtime/env.ts';
import { connectionOf, type kafkaEnv } from './kafka-env.ts';
import { openBatchProducer } from './kafka-producer.ts';
import { eventRecord, sizeOf } from './kafka-record.ts';
import { reasonOf, type Log } from '../runtime/log.ts';
import { histogram } from '../metrics/metrics.ts';
import { deadlineMs, type Publisher } from './publisher.ts';

/**
 * Publishes to Kafka with group commit: many events in one request, one request at a time as long as Kafka answers.
 * @throws EnvError when the settings of the connection contradict each other
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
    deadlineMs,
    onChange(failure) {
      if (failure === undefined) log.info('Kafka accepts events again');
      else
        log.warn(
          { reason: reasonOf(failure) },
          'Kafka does not accept events; forms answer 503 after a while',
        );
    },
  });
  // So that the first submission does not wait for the connection. The form starts without Kafka, too.
  producer
    .connect()
    .catch((error: unknown) => log.warn({ reason: reasonOf(error) }, 'Kafka cannot be reached yet'));
  return {
    publish: (event) => push(eventRecord(event)),
    close: producer.close,
  };
}
