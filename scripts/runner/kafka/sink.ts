import type { Producer } from 'kafkajs';
import type { CloudEvent } from '../../events/cloud-event.ts';
import { startIngress } from '../broker/ingress.ts';
import type { Log } from '../log.ts';
import type { KafkaSink } from '../../manifests/types.ts';
import { NAMESPACE } from '../../events/namespace.ts';
import { recordOf } from '../../events/kafka-record.ts';

export interface Sink {
  /** `…/<namespace>/<name>`, as on a cluster. POST a CloudEvent: 202 = `append` resolved, 503 = it did not. */
  url: string;
  /** Resolves when all in-sync replicas have the event's record. */
  append(event: CloudEvent): Promise<void>;
  close(): Promise<void>;
}

/** @param producer connected */
export async function openSink({
  sink: { name, topic, contentMode },
  producer,
  log,
}: {
  sink: KafkaSink;
  producer: Producer;
  log: Log;
}): Promise<Sink> {
  async function append(event: CloudEvent) {
    // One record a send: kafkajs may resolve a send over several partitions of which one was refused.
    const messages = [recordOf(event, contentMode)];
    const [result] = await producer.send({ topic, acks: -1, messages });
    if (result?.errorCode !== 0) throw new Error(`Kafka answered ${result?.errorCode ?? 'nothing'}`);
  }
  const ingress = await startIngress({ path: `/${NAMESPACE}/${name}`, append, log });
  return { ...ingress, append };
}
