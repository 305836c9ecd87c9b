import type { CloudEventV1 } from 'cloudevents';
import type { Message } from 'kafkajs';

export type EventRecord = Message & { key: string; value: string; headers: Record<string, string> };

/**
 * An event as a Kafka record in binary content mode. Knative's data plane wants header names with `ce_` and in lower case.
 * The key is the id; `partitionkey` repeats it, because KafkaSource drops the key.
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

/** An upper estimate of a record's bytes on the wire: a UTF-16 unit is at most three bytes in UTF-8. */
export function sizeOf({ key, value, headers }: EventRecord): number {
  let size = 100 + key.length * 3 + Buffer.byteLength(value);
  for (const [name, text] of Object.entries(headers)) size += name.length + text.length * 3 + 4;
  return size;
}
