import { type CloudEvent, readEvent } from './cloud-event.ts';
import { isTooLarge } from './limits.ts';

/** The answer to one HTTP request. */
export interface Answer {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: Buffer;
}

/** Why a delivery failed. What the dead letter says of it: the HTTP status, if there was an answer, and the answer's body. */
export interface Failure {
  code: number | undefined;
  data: Buffer;
  /** Attributes that the answer's own headers ask for. */
  extensions?: Record<string, string>;
  /** For the log, where status and body do not say it. */
  reason?: string;
}

export type Outcome =
  | { kind: 'done' }
  | { kind: 'reply'; event: CloudEvent }
  | { kind: 'retry'; failure: Failure }
  | { kind: 'dead'; failure: Failure };

/**
 * What Knative's Kafka dispatcher does with an answer (`WebClientCloudEventSender`, `BaseResponseHandler`): a 2xx that holds neither
 * an event nor nothing is given up at once, without a word about it in the dead letter.
 */
export function outcomeOf({ status, headers, body }: Answer): Outcome {
  if (status < 200 || status >= 300) return failed({ status, headers, body });
  // What most tasks answer; an error that is thrown and caught takes ten times as long.
  if (body.length === 0 && headers['ce-specversion'] === undefined) return { kind: 'done' };
  try {
    const event = readEvent(headers, body);
    return isTooLarge(event)
      ? unpublishable('the reply is larger than a record may be')
      : { kind: 'reply', event };
  } catch (error) {
    if (body.length === 0) return { kind: 'done' };
    return unpublishable(
      `the answer is neither empty nor a CloudEvent: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function failed({ status, headers, body }: Answer): Outcome {
  const failure = { code: status, data: body, extensions: extensionsIn(headers) };
  return { kind: status >= 500 || RETRIED.has(status) ? 'retry' : 'dead', failure };
}

const unpublishable = (reason: string): Outcome => ({
  kind: 'dead',
  failure: { code: undefined, data: Buffer.alloc(0), reason },
});

/** No endpoint (yet), time-out, conflict, overload. */
const RETRIED = new Set([404, 408, 409, 429]);

/** No answer at all: the network, or a time-out. */
export function noAnswer(error: unknown): Outcome {
  const reason = error instanceof Error ? error.message : String(error);
  return { kind: 'retry', failure: { code: undefined, data: Buffer.alloc(0), reason } };
}

/** For people. */
export function describeFailure({ code, data, reason = data.toString() }: Failure): string {
  return `${code ?? ''} ${reason.slice(0, 200)}`.trim();
}

/** What Knative keeps of an answer's body. */
const LONGEST_ERROR_DATA = 1_024;

/** Headers of this prefix become attributes of the dead letter. */
const EXTENSION = 'kne-';

function extensionsIn(headers: Answer['headers']): Record<string, string> {
  const own = Object.entries(headers).filter(([name]) => name.startsWith(EXTENSION));
  return Object.fromEntries(own.map(([name, value]) => [name.slice(EXTENSION.length), value]));
}

/**
 * The dead letter of an event, as `RecordDispatcherImpl.errorTransform` makes it: version 1.0, with extensions that tell where it was to go and
 * why it is not there.
 */
export function deadLetterOf(
  { attributes, data: own }: CloudEvent,
  destination: string,
  failure: Failure,
): CloudEvent {
  const { code, data, extensions } = failure;
  const text = data.subarray(0, LONGEST_ERROR_DATA).toString('base64');
  return {
    attributes: {
      ...attributes,
      specversion: '1.0',
      ...extensions,
      knativeerrordest: destination,
      ...(code === undefined ? {} : { knativeerrorcode: String(code) }),
      ...(text === '' ? {} : { knativeerrordata: text }),
    },
    data: own,
  };
}
