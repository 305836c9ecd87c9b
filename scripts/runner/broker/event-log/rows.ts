import * as v from 'valibot';
import type { Attributes } from '../../../events/trigger-filter.ts';

/** An event that could not be delivered; `attributes` hold knativeerrordest, knativeerrorcode and knativeerrordata. */
export interface DeadLetter {
  /** Counts up. */
  id: number;
  topic: string;
  trigger: string;
  /** When it was given up, RFC 3339. */
  at: string;
  /** When its event was queued again, RFC 3339. */
  redrivenAt: string | undefined;
  attributes: Attributes;
  /** The event's data: as text or, if they are no UTF-8, in base64. */
  data: string | undefined;
  dataBase64: string | undefined;
}

/** An event of the log and what is still to come of it. */
export interface LoggedEvent {
  /** Its place in the log. */
  seq: number;
  attributes: Attributes;
  /** Triggers that it is for, by their filters of today. */
  triggers: string[];
  /** Triggers that it has not been delivered to. */
  waiting: string[];
  /** Triggers that gave it up. */
  dead: string[];
}

const Bytes = v.pipe(
  v.instance(Uint8Array),
  v.transform((bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
);
const AttributesJson = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.string()));

const Names = v.pipe(v.string(), v.parseJson(), v.array(v.string()));
export const LoggedRow = v.object({
  seq: v.number(),
  attributes: AttributesJson,
  waiting: Names,
  dead: Names,
});
export const AttributesRow = v.object({ attributes: AttributesJson });
export const PolledRow = v.object({
  id: v.number(),
  event: v.number(),
  failed: v.number(),
  next_at: v.number(),
});
export const PlaceRow = v.object({ received_at: v.number(), seq: v.number() });
export const ReadRow = v.object({ attributes: AttributesJson, data: Bytes });
export const DeadLetterRow = v.object({
  id: v.number(),
  topic: v.string(),
  trigger: v.string(),
  at: v.number(),
  attributes: AttributesJson,
  data: Bytes,
  redriven_at: v.nullable(v.number()),
});

/** A dead letter as people and tools see it. */
export function shownDeadLetter({
  at,
  data,
  redriven_at: redrivenAt,
  ...rest
}: v.InferOutput<typeof DeadLetterRow>): DeadLetter {
  const text = data.toString('utf8');
  const isText = Buffer.from(text).equals(data);
  return {
    ...rest,
    at: new Date(at).toISOString(),
    redrivenAt: redrivenAt === null ? undefined : new Date(redrivenAt).toISOString(),
    data: isText ? text : undefined,
    dataBase64: isText ? undefined : data.toString('base64'),
  };
}
