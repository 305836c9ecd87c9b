import type { Broker } from './broker.ts';
import type { DeadLetterSink } from '../delivery/send.ts';
import { type Ingress, startIngress } from './ingress.ts';
import type { Log } from '../log.ts';
import type { KafkaSink } from '../../manifests/types.ts';
import { NAMESPACE } from '../../events/namespace.ts';

/**
 * The ingress of a KafkaSink for tasks that give an event up themselves: POST a dead letter; 202 = it is kept like those of the
 * Triggers, in the Broker's file and, where there is a Kafka, in its topic.
 */
export function openDeadLetterSink({
  sink: { name, topic },
  broker,
  deadLetterSink,
  log,
}: {
  sink: KafkaSink;
  broker: Pick<Broker, 'keepTaskLetter'>;
  deadLetterSink: DeadLetterSink;
  log: Log;
}): Promise<Ingress> {
  return startIngress({
    // As Knative's: the namespace, of which there is one here, and the name.
    path: `/${NAMESPACE}/${name}`,
    async append(letter) {
      await deadLetterSink(name, letter);
      await broker.keepTaskLetter(topic, letter);
    },
    log,
  });
}
