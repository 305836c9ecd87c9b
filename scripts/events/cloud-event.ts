import * as v from 'valibot';
import type { Attributes } from './trigger-filter.ts';

/** A CloudEvent that passes through: attributes and data stay as they came, apart from the form of `time`. */
export interface CloudEvent {
  /** All context attributes, `specversion` and `datacontenttype` too, as they stand in `ce-` headers. */
  attributes: Attributes;
  /** Empty = no data. */
  data: Buffer;
}

type HeaderFields = Record<string, string | string[] | undefined>;

const STRUCTURED = 'application/cloudevents+json';

/**
 * Reads a CloudEvent in binary or structured JSON mode. Takes and refuses what the Java SDK of Knative's Kafka data plane does:
 * version 0.3 as well, and empty attributes. Header names in lower case.
 * @throws Error with a short text that says what is wrong
 */
export function readEvent(headers: HeaderFields, body: Buffer): CloudEvent {
  const contentType = headers['content-type'];
  const structured = typeof contentType === 'string' && contentType.startsWith('application/cloudevents');
  const { attributes, data } = structured ? readStructured(contentType, body) : readBinary(headers, body);
  check(attributes);
  const { time } = attributes;
  return { attributes: time === undefined ? attributes : { ...attributes, time: canonicalTime(time) }, data };
}

/** The event as an HTTP request in binary mode. */
export function binaryRequest({ attributes, data }: CloudEvent): {
  headers: Record<string, string>;
  body: Buffer;
} {
  const headers: Record<string, string> = { 'content-length': String(data.length) };
  for (const [name, value] of Object.entries(attributes)) {
    headers[name === 'datacontenttype' ? 'content-type' : `ce-${name}`] = IN_HEADERS.test(value)
      ? value
      : value.replaceAll(NOT_IN_HEADERS, encodeURI);
  }
  return { headers, body: data };
}

/** Asked first, because hardly a value has anything else: a tenth of the time. */
const IN_HEADERS = /^[\x20-\x7e]*$/;

/** What HTTP takes in no header value; percent-encoded as the HTTP protocol binding wants it. All else passes unchanged. */
const NOT_IN_HEADERS = /[^\x20-\x7e]/gu;

function readBinary(headers: HeaderFields, body: Buffer) {
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') continue;
    if (name.startsWith('ce-') && name.length > 3) attributes[name.slice(3)] = value;
    if (name === 'content-type') attributes['datacontenttype'] = value;
  }
  return { attributes, data: body };
}

const Structured = v.objectWithRest(
  { data: v.optional(v.unknown()), data_base64: v.optional(v.pipe(v.string(), v.base64())) },
  v.nullable(v.union([v.string(), v.number(), v.boolean()])),
);

function readStructured(contentType: string, body: Buffer) {
  if (contentType.split(';')[0]?.trim() !== STRUCTURED)
    throw new Error(`content type ${contentType} is not supported`);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Structured), body.toString('utf8'));
  if (!parsed.success) throw new Error('the body is not a CloudEvent in JSON');
  const { data, data_base64: base64, ...rest } = parsed.output;
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(rest)) {
    if (value !== null) attributes[name] = String(value);
  }
  if (base64 !== undefined) return { attributes, data: Buffer.from(base64, 'base64') };
  if (data === undefined || data === null) return { attributes, data: Buffer.alloc(0) };
  const type = (attributes['datacontenttype'] ??= 'application/json');
  const text = typeof data === 'string' && !/^[^;]*[/+]json\b/.test(type) ? data : JSON.stringify(data);
  return { attributes, data: Buffer.from(text) };
}

/** An attribute that holds a URI, by version. */
const SCHEMA: Record<string, string> = { '1.0': 'dataschema', '0.3': 'schemaurl' };

/** `CloudEventBuilder` of the Java SDK, v1 and v03. */
function check(attributes: Attributes) {
  for (const name of ['specversion', 'id', 'source', 'type'])
    if (attributes[name] === undefined) throw new Error(`the attribute "${name}" is missing`);
  const schema = SCHEMA[attributes['specversion'] ?? ''];
  if (schema === undefined) throw new Error('specversion must be 1.0 or 0.3');
  for (const name of Object.keys(attributes))
    if (!NAME.test(name)) throw new Error(`"${name}" is not an attribute name`);
  for (const name of ['source', schema])
    if (isNoUri(attributes[name] ?? '')) throw new Error(`${name} is not a URI`);
  if (attributes['subject'] === '') throw new Error('subject is empty');
}

const NAME = /^[a-z0-9]+$/;

/** What java.net.URI takes nowhere. */
const NOT_IN_URIS = /[\s\p{Cc}"<>\\^`{|}]|%(?![\da-f]{2})/iu;

/** What URIs mostly consist of, asked first. */
const PLAIN_URI = /^[!#$&-;=?-[\]_a-z~]*$/;

const isNoUri = (text: string) => !PLAIN_URI.test(text) && NOT_IN_URIS.test(text);

const TIME = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)$/i;

/** As java.time.OffsetDateTime reads a time and prints it again: no zeros at the end of the fraction. */
function canonicalTime(time: string): string {
  if (CANONICAL_TIME.test(time)) return time;
  const [, year, month, day, hour, minute, second = '00', fraction = '', zone = ''] = TIME.exec(time) ?? [];
  const date = `${year}-${month}-${day}`;
  const at = new Date(`${date}T${hour}:${minute}:${second}Z`);
  // What is no day, such as the 30th of February, becomes another one.
  if (Number.isNaN(at.getTime()) || !at.toISOString().startsWith(date))
    throw new Error('time is not an RFC 3339 time');
  const digits = fraction.replace(/0+$/, '');
  const offset = /^(z|[+-]00:00)$/i.test(zone) ? 'Z' : zone;
  return `${date}T${hour}:${minute}:${second}${digits && `.${digits}`}${offset}`;
}

/** What nothing is to be done about, on days that every month has. */
const CANONICAL_TIME =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{0,8}[1-9])?Z$/;
