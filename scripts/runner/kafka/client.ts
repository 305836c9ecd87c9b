import { Kafka, logLevel, type KafkaConfig } from 'kafkajs';
import { commaList } from '../../manifests/comma-list.ts';
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';

/**
 * A kafkajs client as the runner uses it: silent, because its user reports what goes wrong, and with the bounds given.
 * The broker list is what KAFKA_BROKERS holds: `host:port`, separated by commas.
 */
export function kafkaClient(brokers: string, settings: Omit<KafkaConfig, 'brokers'> = {}): Kafka {
  return new Kafka({
    clientId: 'formbus-runner',
    logLevel: logLevel.NOTHING,
    ...settings,
    brokers: commaList(brokers),
  });
}

const { scheduleCheckPendingRequests: schedule } = RequestQueue.prototype;

/**
 * kafkajs 2.2.4 sets the timer that looks after waiting requests also when none waits, with a negative time, and again each time
 * it fires: every connection wakes its process a thousand times a second for nothing, and Node 24 prints a TimeoutNegativeWarning.
 */
RequestQueue.prototype.scheduleCheckPendingRequests = function scheduleIfPending() {
  if (this.pending.length > 0) schedule.call(this);
};
