import type { CloudEventV1 } from 'cloudevents';
import type { Message } from 'kafkajs';

export type EventRecord = Message & { key: string; value: string; headers: Record<string, string> };

/**
 * An event as a Kafka record in binary content mode. Knative's data plane wants header names with `ce_` and in lower case.
 * The key is the id; `partitionkey` repeats it, because KafkaSource drops the key.
 * https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
 */
export function eventRecord(event: CloudEventV1<unknown>): EventRecord {
  const headers: Record<string, string> = { 'content-type': event.datacontenttype ?? 'application/json' };
  for (const name of Object.keys(event)) {
    if (name === 'data' || name === 'datacontenttype') continue;
    const value = event[name];
    if (typeof value === 'string') headers[headerOf(name)] = value;
    else if (typeof value === 'number' || typeof value === 'boolean') headers[headerOf(name)] = String(value);
  }
  return { key: event.id, value: JSON.stringify(event.data), headers };
}

/** Kept, because a new text would be looked up again at each use as the name of a property. */
const headerNames = new Map<string, string>();

function headerOf(attribute: string): string {
  let name = headerNames.get(attribute);
  if (name === undefined) headerNames.set(attribute, (name = `ce_${attribute}`));
  return name;
}

/** An upper estimate of a record's bytes on the wire: a UTF-16 unit is at most three bytes in UTF-8. */
export function sizeOf({ key, value, headers }: EventRecord): number {
  let size = 100 + key.length * 3 + Buffer.byteLength(value);
  for (const name of Object.keys(headers)) size += name.length + (headers[name] ?? '').length * 3 + 4;
  return size;
}
