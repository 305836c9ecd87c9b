import { Agent, request } from 'undici';
import type { Answer } from '../../events/delivery-outcome.ts';
import type { Send } from '../delivery/send.ts';
import { type Connections, NotDelivered } from './connections.ts';

type Request = Parameters<Send>[1];

/** One request with a whole body to an instance. */
export function call(
  { connections, path }: { connections: Connections; path: string },
  { method = 'POST', headers, body, progress }: Request,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const chunks: Buffer[] = [];
    let answer: Omit<Answer, 'body'> | undefined;
    const abort = () => exchange.breakOff(new Error('aborted'));
    signal.addEventListener('abort', abort);
    const exchange = connections.send(
      { method, path, headers, body },
      {
        onResponseStart(_, status, __, received) {
          progress?.();
          answer = { status, headers: joined(received) };
        },
        onResponseData(_, chunk) {
          progress?.();
          chunks.push(chunk);
        },
        onResponseEnd() {
          signal.removeEventListener('abort', abort);
          if (answer) resolve({ ...answer, body: Buffer.concat(chunks) });
        },
        onResponseError(error, isStale) {
          signal.removeEventListener('abort', abort);
          if (signal.aborted) return reject(signal.reason);
          // An event may be delivered twice, so a connection that was found stale is no reason to fail.
          reject(new NotDelivered(isStale || error.code === 'ECONNREFUSED', error));
        },
      },
    );
  });
}

/** The delivery has its own limit. */
const outside = new Agent({ headersTimeout: 0, bodyTimeout: 0, connectTimeout: 0 });

/** One request with a whole body to any address. */
export async function callUri(
  uri: string,
  { method = 'POST', headers, body, progress }: Request,
  signal: AbortSignal,
): Promise<Answer> {
  const answer = await request(uri, { dispatcher: outside, method, headers, body, signal });
  progress?.();
  const chunks: Buffer[] = [];
  for await (const chunk of answer.body) {
    progress?.();
    chunks.push(chunk);
  }
  return { status: answer.statusCode, headers: joined(answer.headers), body: Buffer.concat(chunks) };
}

function joined(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const one: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers))
    one[name] = typeof value === 'string' ? value : (value ?? []).join(', ');
  return one;
}
