import http from 'node:http';
import https from 'node:https';
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
  const { request, agent } = clientFor(env.K_SINK);
  const send = ({ headers, body }: ReturnType<typeof binaryMessage>, signal: AbortSignal) =>
    new Promise<number>((resolve, reject) => {
      const req = request(env.K_SINK, { method: 'POST', headers, agent, signal }, (answer) => {
        answer.on('error', reject).on('end', () => resolve(answer.statusCode ?? 0));
        answer.resume();
      });
      // A kept connection may have been closed by the sink a moment ago; that tells nothing about the sink.
      const isStale = (error: NodeJS.ErrnoException) => req.reusedSocket && error.code === 'ECONNRESET';
      req.on('error', (error) =>
        isStale(error) ? send({ headers, body }, signal).then(resolve, reject) : reject(error),
      );
      req.end(body);
    });
  return {
    async publish(event) {
      const signal = AbortSignal.timeout(deadlineMs);
      let status: number;
      try {
        status = await send(binaryMessage(event), signal);
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
    async close() {
      agent.destroy();
    },
  };
}

/** Node's own client: `fetch` makes a cold start a tenth longer (scripts/bench/cold-start.ts). */
function clientFor(url: string) {
  const options = { keepAlive: true, maxSockets: 100 };
  return url.startsWith('https:')
    ? { request: https.request, agent: new https.Agent(options) }
    : { request: http.request, agent: new http.Agent(options) };
}
