import type { CloudEvent } from './cloud-event.ts';

/** Vert.x's `maxHeaderSize`: what the ingresses of Knative's Broker and KafkaSink take of headers in all. */
export const MAX_HEADER_BYTES = 8_192;

/** As Netty counts them (`HttpObjectDecoder.HeaderParser`): lines without their ends. */
export function headerBytes(headers: Readonly<Record<string, string | string[] | undefined>>): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined)
      bytes += name.length + 2 + (Array.isArray(value) ? value.join(', ').length : value.length);
  }
  return bytes;
}

/**
 * What Knative's Kafka dispatcher polls at most at once (`max.poll.records`, `UnorderedConsumerVerticle`). It polls as long as fewer events are
 * open, so at most 99 are; one that waits for its retry is open, too.
 */
export const MAX_POLL_RECORDS = 50;

/** Kafka's `max.request.size`, which the data plane leaves at its default. */
export const MAX_RECORD_BYTES = 1_048_576;

/** More than the headers of any event make of a record. */
const HEADROOM = 65_536;

/** Whether Knative's producer refuses the event (`RecordTooLargeException`), by Kafka's upper bound of the record's size. */
export function isTooLarge({ attributes, data }: CloudEvent): boolean {
  if (data.length <= MAX_RECORD_BYTES - HEADROOM) return false;
  const lengths = Object.entries(attributes).flatMap(([name, value]) => [
    Buffer.byteLength(name === 'datacontenttype' ? 'content-type' : `ce_${name}`),
    Buffer.byteLength(value),
  ]);
  const key = Buffer.byteLength(attributes['partitionkey'] ?? '');
  const parts = [key, data.length, ...lengths].map((length) => varint(length) + length);
  return BATCH_OVERHEAD + RECORD_OVERHEAD + 1 + parts.reduce((sum, part) => sum + part) > MAX_RECORD_BYTES;
}

/** `DefaultRecordBatch.RECORD_BATCH_OVERHEAD` and `DefaultRecord.MAX_RECORD_OVERHEAD`. */
const BATCH_OVERHEAD = 61;
const RECORD_OVERHEAD = 21;

/** The bytes of a length, zigzag-encoded. */
const varint = (length: number) => Math.ceil(Math.log2(length * 2 + 2) / 7);
