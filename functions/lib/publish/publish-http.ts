import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { binaryMessage, type BinaryMessage } from '../event/event.ts';
import { Unavailable } from '../runtime/errors.ts';
import { histogram } from '../metrics/metrics.ts';
import type { Publisher } from './publisher.ts';

/**
 * Publishes over HTTP to the sink, one request an event. A 2xx is as durable as that sink.
 * @param deadlineMs connecting, sending and the answer together; short of the 5 s after which a form has to have answered
 */
export function openHttpPublisher(sink: string, { deadlineMs = 4_500 } = {}): Publisher {
  const batchEvents = histogram('formbus_publish_batch_events');
  const secure = sink.startsWith('https:');
  const agent = new (secure ? HttpsAgent : HttpAgent)({ keepAlive: true, maxSockets: 100 });
  const request = secure ? httpsRequest : httpRequest;

  /** The sink's status. Node's own client: `fetch` makes a cold start a tenth longer (scripts/bench/cold-start.ts). */
  function post(message: BinaryMessage, signal: AbortSignal): Promise<number> {
    return new Promise((resolve, reject) => {
      const { headers, body } = message;
      const req = request(sink, { method: 'POST', headers, agent, signal });
      req.on('response', (answer) => {
        answer.on('error', reject).on('end', () => resolve(answer.statusCode ?? 0));
        answer.resume();
      });
      req.on('error', (error: NodeJS.ErrnoException) => {
        // A kept connection may have been closed by the sink a moment ago; that tells nothing about the sink.
        if (req.reusedSocket && error.code === 'ECONNRESET') resolve(post(message, signal));
        else reject(error);
      });
      req.end(body);
    });
  }
  return {
    async publish(event) {
      const status = await post(binaryMessage(event), AbortSignal.timeout(deadlineMs)).catch(unavailable);
      if (status < 200 || status > 299) unavailable(new Error(`The sink answered ${status}; see K_SINK.`));
      batchEvents.observe(1);
    },
    async close() {
      agent.destroy();
    },
  };
}

function unavailable(cause: unknown): never {
  throw new Unavailable('The submission could not be stored right now; please send it again.', {
    cause,
    reason: 'not-acknowledged',
  });
}
