import { CloudEvent, HTTP } from 'cloudevents';
import * as v from 'valibot';
import type { Attributes } from './filters.ts';

/**
 * A CloudEvent that passes through: attributes and data stay as they came. (An event object of the SDK does not: it
 * rounds `time` to milliseconds and parses and prints the data anew.)
 */
export interface Event {
  /** All context attributes, `specversion` and `datacontenttype` too, as they stand in `ce-` headers. */
  attributes: Attributes;
  /** Empty = no data. */
  data: Buffer;
}

type Headers = Record<string, string | string[] | undefined>;

const STRUCTURED = 'application/cloudevents+json';

/** True if the message claims to be an event, in whichever mode. */
export function claimsToBeEvent(headers: Headers): boolean {
  const type = String(headers['content-type'] ?? '');
  return type.startsWith('application/cloudevents') || 'ce-specversion' in headers || 'ce-id' in headers;
}

/**
 * Reads a CloudEvent 1.0 in binary or structured JSON mode. Header names in lower case.
 * @throws Error with a short text that says what is wrong
 */
export function readEvent(headers: Headers, body: Buffer): Event {
  const contentType = headers['content-type'];
  const structured = typeof contentType === 'string' && contentType.startsWith('application/cloudevents');
  const event = structured ? readStructured(contentType, body) : readBinary(headers, body);
  const wrong = Object.keys(event.attributes).find((name) => !/^[a-z0-9]+$/.test(name));
  if (wrong !== undefined) throw new Error(`"${wrong}" is no attribute name`);
  for (const name of ['specversion', 'id', 'source', 'type']) {
    if (!event.attributes[name]) throw new Error(`the attribute "${name}" is missing`);
  }
  if (event.attributes['specversion'] !== '1.0') throw new Error('specversion must be 1.0');
  validate(event.attributes);
  return event;
}

/** The event as an HTTP request in binary mode. */
export function binaryRequest({ attributes, data }: Event): {
  headers: Record<string, string>;
  body: Buffer;
} {
  const headers: Record<string, string> = { 'content-length': String(data.length) };
  for (const [name, value] of Object.entries(attributes)) {
    headers[name === 'datacontenttype' ? 'content-type' : `ce-${name}`] = value.replaceAll(
      NOT_IN_HEADERS,
      encodeURI,
    );
  }
  return { headers, body: data };
}

/** What HTTP takes in no header value; percent-encoded as the HTTP protocol binding wants it. All else passes unchanged. */
const NOT_IN_HEADERS = /[^\x20-\x7e]/gu;

function readBinary(headers: Headers, body: Buffer): Event {
  const attributes: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') continue;
    if (name.startsWith('ce-')) attributes[name.slice(3)] = value;
    if (name === 'content-type') attributes['datacontenttype'] = value;
  }
  return { attributes, data: body };
}

const Structured = v.objectWithRest(
  { data: v.optional(v.unknown()), data_base64: v.optional(v.pipe(v.string(), v.base64())) },
  v.nullable(v.union([v.string(), v.number(), v.boolean()])),
);

function readStructured(contentType: string, body: Buffer): Event {
  if (contentType.split(';')[0]?.trim() !== STRUCTURED)
    throw new Error(`content type ${contentType} is not supported`);
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), Structured), body.toString('utf8'));
  if (!parsed.success) throw new Error('the body is no CloudEvent in JSON');
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

/** Lets the SDK judge the attributes; the data are none of a Broker's business. */
function validate(attributes: Attributes) {
  const { datacontenttype, ...rest } = attributes;
  const headers = Object.fromEntries(Object.entries(rest).map(([name, value]) => [`ce-${name}`, value]));
  try {
    const event = HTTP.toEvent({
      headers: datacontenttype ? { ...headers, 'content-type': datacontenttype } : headers,
      body: undefined,
    });
    if (event instanceof CloudEvent) event.validate();
  } catch (cause) {
    throw new Error(describe(cause), { cause });
  }
}

const Invalid = v.object({ errors: v.array(v.object({ instancePath: v.string(), message: v.string() })) });

function describe(cause: unknown): string {
  const parsed = v.safeParse(Invalid, cause);
  const first = parsed.success ? parsed.output.errors[0] : undefined;
  if (first) return `${first.instancePath.slice(1)} ${first.message}`.trim();
  return cause instanceof Error ? cause.message : String(cause);
}
