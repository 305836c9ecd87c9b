import type { CloudEventV1 } from 'cloudevents';
import * as v from 'valibot';
import type { MailAttributes } from '../schema/mail-texts.ts';

type SubmissionType = 'form.submitted' | 'form.suspected';

/** 1e999 is valid JSON, and read as Infinity, which JSON has no text for. */
const Finite = v.pipe(v.number(), v.finite());
const Value = v.union([v.string(), Finite, v.boolean(), v.null(), v.array(v.union([v.string(), Finite]))]);

/** CloudEvents 1.0, 3.1: a string has no control characters. Structured mode could carry them in. */
const PlainText = v.pipe(v.string(), v.regex(/^\P{Cc}+$/u, 'empty, or with control characters'));

/** valibot's record passes over these without a word: as fields of a submission they would be lost. */
const lostNames = ['__proto__', 'constructor', 'prototype'];

/** Whether a field of a form may be named so. Names become columns. */
export function isFieldName(name: string): boolean {
  return /^[A-Za-z][\w-]{0,63}$/.test(name) && !lostNames.includes(name);
}

/** What a task reads from a form's event. `data` holds the fields in the order of the form's schema; other attributes are kept. */
export const Submission = v.looseObject({
  id: PlainText,
  type: v.string(),
  source: v.string(),
  /** ISO 8601, the moment of receipt. */
  time: v.pipe(
    v.string(),
    v.check((text) => !Number.isNaN(Date.parse(text)), 'time is no ISO 8601 date'),
  ),
  form: PlainText,
  /** Where the rows go: `<spreadsheet id>/<tab, percent-encoded>`. */
  sheet: v.pipe(v.string(), v.regex(/^[\w-]+\/.+$/, 'sheet is not <spreadsheet id>/<tab>')),
  /** Names beginning with @ are kept for the columns that Formbus adds. */
  data: v.pipe(
    v.custom<object>(
      (data) => data instanceof Object && !lostNames.some((name) => Object.hasOwn(data, name)),
    ),
    v.record(v.pipe(v.string(), v.regex(/^[^@]/)), Value),
  ),
});
export type Submission = v.InferOutput<typeof Submission>;

/** Any CloudEvent, its data left alone: for tasks that only want to be told, as by a PingSource. */
export const AnyEvent = v.looseObject({ id: v.string(), type: v.string(), source: v.string() });

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
 * Ids and times are given here once and never change on the way. `partitionkey` is what Knative's Kafka parts key records by.
 * No `CloudEvent` of the SDK, whose copying and checking take as long as all else that a form does with a submission; and what
 * forms import of this file does not load the SDK, which is a twentieth of a cold start.
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

/** W3C Trace Context, https://www.w3.org/TR/trace-context/#traceparent-header; anything else is not carried on. */
export function traceparentOf(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/.test(header)
    ? header
    : undefined;
}

export interface BinaryMessage {
  headers: Record<string, string>;
  body: string;
}

/** An event as an HTTP message in binary mode: `ce-` headers and the data as the body. It is not checked. */
export function binaryMessage(event: CloudEventV1<unknown>): BinaryMessage {
  const { data, datacontenttype = 'application/json', ...attributes } = event;
  const headers: Record<string, string> = { 'content-type': datacontenttype };
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      headers[`ce-${name}`] = headerValue(String(value));
  }
  return { headers, body: typeof data === 'string' ? data : JSON.stringify(data) };
}

/** HTTP takes no other characters in a header; the CloudEvents HTTP binding, 3.1.3.2, has them percent-encoded. */
function headerValue(value: string): string {
  return value.toWellFormed().replaceAll(/[^\x20-\x7e]/gu, encodeURIComponent);
}
