import type { CloudEventV1 } from 'cloudevents';
import * as v from 'valibot';
import { binaryMessage } from './event.ts';
import { Unavailable } from './http.ts';
import type { Env } from './env.ts';

/** Where a form's events go. */
export interface Publisher {
  /**
   * Resolves when the log has acknowledged the event, and only then.
   * @throws Unavailable when it did not in time; the event may have been stored nevertheless
   */
  publish(event: CloudEventV1<unknown>): Promise<void>;
  close(): Promise<void>;
}

export const publisherEnv = {
  /** Knative's SinkBinding contract. */
  K_SINK: v.pipe(
    v.string(),
    v.url('not a URL'),
    v.regex(/^https?:/, 'not an http or https URL'),
    v.description(
      'the address that events are sent to, e.g. http://broker-ingress.knative-eventing/formbus/formbus',
    ),
  ),
};

/**
 * Publishes over HTTP to the sink, one request an event. A 2xx is as durable as that sink.
 * @param deadlineMs connecting, sending and the answer together; short of the 5 s after which a form has to have answered
 */
export function openPublisher(env: Env<typeof publisherEnv>, { deadlineMs = 4_500 } = {}): Publisher {
  const send = async (event: CloudEventV1<unknown>, signal: AbortSignal) => {
    const answer = await fetch(env.K_SINK, {
      method: 'POST',
      ...binaryMessage(event),
      signal,
      redirect: 'manual',
    });
    await answer.arrayBuffer();
    return answer.status;
  };
  return {
    async publish(event) {
      const signal = AbortSignal.timeout(deadlineMs);
      let status: number;
      try {
        // A kept connection may have been closed by the sink a moment ago; that tells nothing about the sink.
        status = await send(event, signal).catch((error: unknown) => {
          if (!isReset(error)) throw error;
          return send(event, signal);
        });
      } catch (cause) {
        throw new Unavailable('The submission could not be stored right now; please send it again.', {
          cause,
        });
      }
      if (status < 200 || status > 299) {
        const cause = new Error(`The sink answered ${status}; see K_SINK.`);
        throw new Unavailable('The submission could not be stored right now; please send it again.', {
          cause,
        });
      }
    },
    async close() {},
  };
}

function isReset(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE';
}
