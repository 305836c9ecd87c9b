import type { CloudEventV1 } from 'cloudevents';
import type { Message } from 'kafkajs';

export type EventRecord = Message & { key: string; value: string; headers: Record<string, string> };

/**
 * An event as a Kafka record in binary content mode. Names as Knative's data plane reads them: `ce_` and lower case.
 * The key is the id; KafkaSource drops it, so that `partitionkey` has to say it again.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
 */
export function eventRecord({
  data,
  datacontenttype = 'application/json',
  ...attributes
}: CloudEventV1<unknown>): EventRecord {
  const headers: Record<string, string> = { 'content-type': datacontenttype };
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      headers[`ce_${name}`] = String(value);
  }
  return { key: attributes.id, value: JSON.stringify(data), headers };
}

/** About what a record takes on the wire, in bytes; an UTF-16 unit is three in UTF-8 at most. */
export function sizeOf({ key, value, headers }: EventRecord): number {
  let size = 100 + key.length * 3 + Buffer.byteLength(value);
  for (const [name, text] of Object.entries(headers)) size += name.length + text.length * 3 + 4;
  return size;
}
