import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { binaryMessage, type BinaryMessage } from '../event/event.ts';
import { Unavailable } from '../runtime/errors.ts';
import { histogram } from '../metrics/metrics.ts';
import { deadlineMs, type Publisher } from './publisher.ts';

/**
 * Publishes over HTTP to the sink, one request per event. A 2xx is as durable as that sink.
 */
export function openHttpPublisher(sink: string): Publisher {
  const batchEvents = histogram('formbus_publish_batch_events');
  const secure = sink.startsWith('https:');
  const agent = new (secure ? HttpsAgent : HttpAgent)({ keepAlive: true, maxSockets: 100 });
  const request = secure ? httpsRequest : httpRequest;

  /** Returns the sink's status. With `fetch` a cold start takes a tenth longer (scripts/bench/cold-start.ts). */
  function post(message: BinaryMessage, signal: AbortSignal): Promise<number> {
    return new Promise((resolve, reject) => {
      const { headers, body } = message;
      const req = request(sink, { method: 'POST', headers, agent, signal });
      req.on('response', (answer) => {
        answer.on('error', reject).on('end', () => resolve(answer.statusCode ?? 0));
        answer.resume();
      });
      req.on('error', (error: NodeJS.ErrnoException) => {
        // The sink may just have closed a kept connection, which says nothing about the sink.
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
