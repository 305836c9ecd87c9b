import type { Answer } from './broker.ts';
import { claimsToBeEvent, type Event, readEvent } from './cloud-event.ts';

/** Why a delivery failed. `code` is the HTTP status, if there was an answer. */
export interface Failure {
  code: number | undefined;
  data: Buffer;
}

export type Outcome =
  | { kind: 'done' }
  | { kind: 'reply'; event: Event }
  | { kind: 'retry'; failure: Failure }
  | { kind: 'dead'; failure: Failure };

/**
 * What Knative's Kafka dispatcher does with an answer (`WebClientCloudEventSender.isRetryableStatusCode`,
 * `ResponseToHttpEndpointHandler`): a 2xx that holds neither an event nor nothing is given up at once.
 */
export function outcomeOf({ status, headers, body }: Answer): Outcome {
  const failure = { code: status, data: body };
  if (status >= 500 || RETRIED.has(status)) return { kind: 'retry', failure };
  if (status < 200 || status >= 300) return { kind: 'dead', failure };
  if (!claimsToBeEvent(headers)) return body.length === 0 ? { kind: 'done' } : { kind: 'dead', failure };
  try {
    return { kind: 'reply', event: readEvent(headers, body) };
  } catch (error) {
    return {
      kind: 'dead',
      failure: { code: status, data: Buffer.from(`The reply is no CloudEvent: ${String(error)}`) },
    };
  }
}

/** No endpoint (yet), time-out, conflict, overload. */
const RETRIED = new Set([404, 408, 409, 429]);

/** No answer at all: the network, or nobody in time. */
export function noAnswer(error: unknown): Outcome {
  return {
    kind: 'retry',
    failure: { code: undefined, data: Buffer.from(`dispatch error: ${String(error)}`) },
  };
}

/** What Knative keeps of an answer's body. */
const LONGEST_ERROR_DATA = 1_024;

/** The extensions that tell a dead letter's reader where it was to go and why it did not. */
export function failureAttributes(destination: string, { code, data }: Failure): Record<string, string> {
  const text = data.subarray(0, LONGEST_ERROR_DATA).toString('base64');
  return {
    knativeerrordest: destination,
    ...(code === undefined ? {} : { knativeerrorcode: String(code) }),
    ...(text === '' ? {} : { knativeerrordata: text }),
  };
}
