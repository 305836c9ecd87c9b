import type { IHeaders } from 'kafkajs';
import { type CloudEvent, readEvent } from './cloud-event.ts';
import { NAMESPACE } from './namespace.ts';

/** How an event is written into a record (Kafka protocol binding of CloudEvents): its attributes as headers, or all of it as JSON. */
export type ContentMode = 'binary' | 'structured';

/** A record as kafkajs returns it, with its place. */
export interface ConsumedRecord {
  topic: string;
  partition: number;
  offset: string;
  /** Milliseconds since 1970, as text. */
  timestamp: string;
  key: Buffer | null;
  value: Buffer | null;
  headers?: IHeaders | undefined;
}

/**
 * The CloudEvent of a record. One that is none, in neither mode of the Kafka protocol binding, is wrapped as Knative's
 * data plane does it (`InvalidCloudEventInterceptor`): its place as id, its key and headers as extensions.
 * @param source name of the KafkaSource
 */
export function eventOf(record: ConsumedRecord, source: string): CloudEvent {
  const headers = readHeaders(record.headers);
  try {
    return readEvent(toHttp(headers), record.value ?? Buffer.alloc(0));
  } catch {
    return wrapped(record, headers, source);
  }
}

/** A CloudEvent as a record of a KafkaSink: key = `partitionkey`, without one records go round the partitions. */
export function recordOf({ attributes, data }: CloudEvent, contentMode: ContentMode) {
  const key = attributes['partitionkey'] ?? null;
  if (contentMode === 'structured') {
    const members = Object.entries(attributes).map(
      ([name, text]) => `${JSON.stringify(name)}:${JSON.stringify(text)}`,
    );
    const value = `{${[...members, ...dataMember(attributes['datacontenttype'], data)].join(',')}}`;
    return { key, value, headers: { 'content-type': 'application/cloudevents+json' } };
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(attributes)) {
    headers[name === 'datacontenttype' ? 'content-type' : `ce_${name}`] = value;
  }
  // A record without a value is a tombstone to a compacted topic; an event without data is one, too, in Knative.
  return { key, value: data.length > 0 ? data : null, headers };
}

/** Where a header stands twice, the last one counts, as with Knative. */
function readHeaders(headers: IHeaders = {}): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]): [string, string] => {
    const last = Array.isArray(value) ? value.at(-1) : value;
    return [name, last === undefined ? '' : String(last)];
  });
  return Object.fromEntries(entries);
}

/** The names of the HTTP binding for those of Kafka's. As with Knative, only an extension's name may have capitals. */
function toHttp(headers: Record<string, string>): Record<string, string> {
  const known: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name === 'content-type') known[name] = value;
    else if (name.startsWith('ce_')) {
      const lower = name.toLowerCase();
      if (name === SPEC_VERSION || lower !== SPEC_VERSION) known[`ce-${lower.slice(3)}`] = value;
    }
  }
  return known;
}

const SPEC_VERSION = 'ce_specversion';

function wrapped(
  { topic, partition, offset, timestamp, key, value }: ConsumedRecord,
  headers: Record<string, string>,
  source: string,
): CloudEvent {
  const attributes: Record<string, string> = {
    specversion: '1.0',
    id: `partition:${partition}/offset:${offset}`,
    type: 'dev.knative.kafka.event',
    source: `/apis/v1/namespaces/${NAMESPACE}/kafkasources/${source}#${topic}`,
    subject: `partition:${partition}#${offset}`,
    // Java prints no zeros at the end of the milliseconds.
    time: new Date(Number(timestamp)).toISOString().replace(/\.?0+Z$/, 'Z'),
  };
  if (key && key.length > 0) attributes['partitionkey'] = attributes['key'] = key.toString();
  for (const [name, text] of Object.entries(headers)) {
    const lower = name.toLowerCase();
    // Broken structured mode: sent on under its content type, it would be taken for an event again, and refused.
    if (lower === 'content-type' && !/^application\/cloudevents/i.test(text)) {
      attributes['datacontenttype'] = text.toLowerCase();
    } else {
      attributes[`kafkaheader${lower.replaceAll(/[^a-z0-9]/g, '')}`] = text;
    }
  }
  return { attributes, data: value ?? Buffer.alloc(0) };
}

/** JSON stays the text that it is: parsed and printed again, long numbers would lose digits. */
function dataMember(contentType: string | undefined, data: Buffer): string[] {
  if (data.length === 0) return [];
  const text = data.toString('utf8');
  if (/^[^;]*[/+]json\b/.test(contentType ?? '') && isJson(text)) return [`"data":${text}`];
  if (contentType?.startsWith('text/') && Buffer.from(text).equals(data)) {
    return [`"data":${JSON.stringify(text)}`];
  }
  return [`"data_base64":"${data.toString('base64')}"`];
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
