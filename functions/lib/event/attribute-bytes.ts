import { EnvError } from '../runtime/env.ts';
import { submissionEvent, type SubmissionFacts } from './event.ts';

/**
 * The most that an event's attributes may take as headers, in bytes. The ingresses of Knative's Broker and KafkaSink take 8,192 of
 * headers in all and answer 431 beyond, which is not retried: the event is lost, and so is its dead letter, which is up to 1,400
 * bytes larger, and to which proxies add headers of their own.
 */
export const mostAttributeBytes = 4_000;

/** The most for a form's own event. A task's reply carries most of these attributes, and some of its own. */
const mostFormBytes = 3_600;

/**
 * The size of an event's attributes as HTTP headers in binary mode, percent-encoded by the CloudEvents HTTP binding, 3.1.3.2. A percent
 * sign is encoded, too, so text that was encoded before grows again.
 */
export function attributeBytes(event: object): number {
  return sizes(event).reduce((sum, { bytes }) => sum + bytes, 0);
}

/**
 * Checks that an event of a form fits through Knative's ingresses, whatever is submitted.
 * @throws EnvError that says what to shorten
 */
export function checkAttributes(
  form: Pick<SubmissionFacts, 'form' | 'dataschema' | 'spreadsheetId' | 'tab' | 'mail'>,
): void {
  const traceparent = `00-${'0'.repeat(32)}-${'0'.repeat(16)}-00`;
  const varying = { id: 'x'.repeat(36), receivedAt: new Date(0), data: {}, traceparent };
  const event = submissionEvent({ type: 'form.submitted', ...form, ...varying });
  const total = attributeBytes(event);
  if (total <= mostFormBytes) return;
  const [longest] = sizes(event).toSorted((a, b) => b.bytes - a.bytes);
  throw new EnvError(
    `The attributes of this form's events take up to ${total} bytes, and may take ${mostFormBytes}; shorten ${causes[longest?.name ?? ''] ?? "the form's name"} (the attribute ${longest?.name} takes ${longest?.bytes}).`,
  );
}

const causes: Record<string, string> = {
  sheet: 'SHEET_TAB or SPREADSHEET_ID',
  mailto: "the name of the form's e-mail field",
};

function sizes(event: object): { name: string; bytes: number }[] {
  return Object.entries(event)
    .filter(([name, value]) => name !== 'data' && value !== undefined)
    .map(([name, value]) => ({ name, bytes: `ce-${name}: \r\n`.length + encodedBytes(String(value)) }));
}

function encodedBytes(value: string): number {
  const isKept = /[!#$&-~]/;
  return Array.from(value).reduce((sum, one) => sum + (isKept.test(one) ? 1 : 3 * Buffer.byteLength(one)), 0);
}
