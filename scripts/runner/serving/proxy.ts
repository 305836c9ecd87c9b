import {
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import type { Socket } from 'node:net';
import { Transform } from 'node:stream';
import type { Instance } from './instance.ts';
import { lingerFor } from '../../emulators/web/linger.ts';

/** A request did not come through to an instance. `untouched`: nothing of it was taken, so it may go to another instance. */
export class NotDelivered extends Error {
  override name = 'NotDelivered';
  untouched: boolean;
  constructor(untouched: boolean, cause: Error) {
    super(`the instance did not answer: ${cause.message}`, { cause });
    this.untouched = untouched;
  }
}

/**
 * Streams a request to an instance and the answer back to the client. Resolves when the instance has answered in full,
 * or broke off in the middle of its answer (then the client's connection is cut, too).
 * @throws NotDelivered when no byte of an answer came; the signal's reason when it aborted before
 */
export function proxy({
  instance,
  req,
  res,
  path,
  headers,
  signal,
}: {
  instance: Pick<Instance, 'port' | 'agent'>;
  req: IncomingMessage;
  res: ServerResponse;
  path: string;
  headers: OutgoingHttpHeaders;
  signal: AbortSignal;
}): Promise<void> {
  return new Promise((resolve, reject) => {
    let consumed = req.readableDidRead && !req.readableEnded;
    let answered = false;
    const upstream = httpRequest({
      host: '127.0.0.1',
      port: instance.port,
      agent: instance.agent,
      method: req.method ?? 'GET',
      path,
      headers,
      setHost: false,
      signal,
    });
    // An instance that refuses a body and closes makes the next write fail, and a failed write discards an answer that is
    // not yet read. Whatever has arrived in the same turn of the event loop is read before the write.
    const body = new Transform({
      transform: (chunk, _, pass) => void setImmediate(pass, null, chunk),
    });
    const onData = () => {
      consumed = true;
    };
    const feed = () => {
      if (req.readableEnded) upstream.end();
      else req.once('data', onData).pipe(body).pipe(upstream);
    };
    const unfeed = () => {
      req.off('data', onData);
      req.unpipe(body);
      body.unpipe(upstream);
    };
    // Nothing of the body is touched before there is a connection: a request that met a dead instance stays whole.
    upstream.once('socket', (socket: Socket) => {
      if (socket.connecting) socket.once('connect', feed);
      else feed();
    });
    upstream.on('error', (cause: NodeJS.ErrnoException) => {
      unfeed();
      // Once an answer has begun, the request's side may fail: an instance need not read a body that it refuses.
      if (answered) return;
      if (signal.aborted) return reject(signal.reason);
      const stale = upstream.reusedSocket && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE');
      reject(new NotDelivered(!consumed && (stale || cause.code === 'ECONNREFUSED'), cause));
    });
    upstream.once('response', (answer) => {
      answered = true;
      // A refusal comes before the whole body is there; what still flows must not break the connection it comes on.
      if ((answer.statusCode ?? 500) >= 400) unfeed();
      const headers = [...endToEnd(answer.rawHeaders), ...Object.entries(lingerFor(req, res)).flat()];
      res.writeHead(answer.statusCode ?? 502, answer.statusMessage, headers);
      answer.pipe(res);
      answer.once('close', () => {
        unfeed();
        if (!answer.complete) res.destroy();
        if (!upstream.writableFinished) upstream.destroy();
        resolve();
      });
    });
  });
}

/** A request's own headers for an instance: hop-by-hop and forged forwarding headers removed, true ones set. */
export function forwardedHeaders(req: IncomingMessage, prefix: string): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  const raw = endToEnd(req.rawHeaders);
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]?.toLowerCase() ?? '';
    if (/^(x-forwarded(-.*)?|forwarded|x-real-ip|expect)$/.test(name)) continue;
    const earlier = headers[name];
    headers[name] = earlier === undefined ? raw[i + 1] : [earlier, raw[i + 1] ?? ''].flat().map(String);
  }
  // Node does not chunk the bodies of all methods by itself.
  if (req.headers['transfer-encoding'] !== undefined) headers['transfer-encoding'] = 'chunked';
  return {
    ...headers,
    'x-forwarded-for': req.socket.remoteAddress ?? '',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': req.headers.host ?? '',
    'x-forwarded-prefix': prefix,
  };
}

const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Raw headers (name, value, name, value, …) without those that are for one connection only (RFC 9110, 7.6.1). */
function endToEnd(rawHeaders: string[]): string[] {
  const pairs = rawHeaders.flatMap((name, i) =>
    i % 2 === 0 ? [[name, rawHeaders[i + 1] ?? ''] as const] : [],
  );
  const named = pairs
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((token) => token.trim().toLowerCase()));
  return pairs
    .filter(([name]) => !hopByHop.has(name.toLowerCase()) && !named.includes(name.toLowerCase()))
    .flat();
}
