import type { CloudEventV1 } from 'cloudevents';
import type { MailAttributes } from '../form-schema/mail-texts.ts';

type SubmissionType = 'form.submitted' | 'form.suspected';

export interface SubmissionFacts {
  type: SubmissionType;
  id: string;
  form: string;
  receivedAt: Date;
  data: Record<string, string>;
  dataschema: string;
  spreadsheetId: string;
  tab: string;
  traceparent: string | undefined;
  mail?: MailAttributes;
}

/**
 * The event that a form publishes. Its id and time never change on the way. Knative's Kafka parts key records by `partitionkey`.
 * It is not a `CloudEvent` of the SDK: copying and checking that takes as long as everything else that a form does with a submission,
 * and loading the SDK is a twentieth of a cold start.
 */
export function submissionEvent(facts: SubmissionFacts): CloudEventV1<Record<string, string>> {
  const { id, type, form, receivedAt, data, dataschema, spreadsheetId, tab, traceparent, mail } = facts;
  return {
    specversion: '1.0',
    id,
    type,
    source: `/forms/${form}`,
    time: receivedAt.toISOString(),
    datacontenttype: 'application/json',
    dataschema,
    data,
    form,
    sheet: `${spreadsheetId}/${encodeURIComponent(tab)}`,
    partitionkey: id,
    ...mail,
    ...(traceparent ? { traceparent } : {}),
  };
}

/** W3C Trace Context, https://www.w3.org/TR/trace-context/#traceparent-header; any other value is dropped. */
export function traceparentOf(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/.test(header)
    ? header
    : undefined;
}

export interface BinaryMessage {
  headers: Record<string, string>;
  body: string;
}

/** An event as an HTTP message in binary mode: `ce-` headers, and the data as the body. The event is not checked. */
export function binaryMessage(event: CloudEventV1<unknown>): BinaryMessage {
  const { data, datacontenttype = 'application/json', ...attributes } = event;
  const headers: Record<string, string> = { 'content-type': datacontenttype };
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      headers[`ce-${name}`] = headerValue(String(value));
  }
  return { headers, body: typeof data === 'string' ? data : JSON.stringify(data) };
}

/** A header holds printable ASCII only; the CloudEvents HTTP binding, 3.1.3.2, percent-encodes the rest. */
function headerValue(value: string): string {
  return value.toWellFormed().replaceAll(/[^\x20-\x7e]/gu, encodeURIComponent);
}
