import { request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Answer } from '../../events/delivery-outcome.ts';
import type { Send } from '../delivery/send.ts';
import { NotDelivered } from './proxy.ts';

/** One request with a whole body. */
export function call(
  target: RequestOptions,
  { method = 'POST', headers, body, progress }: Parameters<Send>[1],
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = target.protocol === 'https:' ? httpsRequest : httpRequest;
    const outgoing = request(
      { ...target, method, headers: { ...headers, 'content-length': body.length } },
      (incoming) => {
        const chunks: Buffer[] = [];
        progress?.();
        incoming.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          progress?.();
        });
        incoming.once('error', fail);
        incoming.once('end', () => {
          signal.removeEventListener('abort', abort);
          resolve({
            status: incoming.statusCode ?? 0,
            headers: Object.fromEntries(
              Object.entries(incoming.headersDistinct).map(([name, values]) => [
                name,
                values?.join(', ') ?? '',
              ]),
            ),
            body: Buffer.concat(chunks),
          });
        });
      },
    );
    // The option `signal` would do it as well, and watch the stream's end in several ways, for 30 µs a request.
    const abort = () => outgoing.destroy(new Error('aborted'));
    const fail = (cause: NodeJS.ErrnoException) => {
      signal.removeEventListener('abort', abort);
      if (signal.aborted) return reject(signal.reason);
      // An event may be delivered twice, so a connection that was found stale is no reason to fail.
      const stale = outgoing.reusedSocket && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE');
      reject(target.agent ? new NotDelivered(stale || cause.code === 'ECONNREFUSED', cause) : cause);
    };
    outgoing.once('error', fail);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort);
    outgoing.end(body);
  });
}
