import type { IncomingMessage, ServerResponse } from 'node:http';
import { Transform } from 'node:stream';
import { type Connections, NotDelivered, rawHeadersOf } from './connections.ts';
import { hasBody, lingerFor } from '../../emulators/web/linger.ts';

/** What a request says to an instance. Its body is read when it is first asked for, once for all instances that it may go to. */
export interface Forwarded {
  method: string;
  path: string;
  /** Name, value, name, value, … */
  headers: string[];
  /** The whole body; null when there is none, undefined when it has yet to come. */
  body(): Buffer | null | undefined;
}

/**
 * Streams a request to an instance and the answer back to the client. Resolves when the instance has answered in full,
 * or broke off in the middle of its answer (then the client's connection is cut, too).
 * @throws NotDelivered when no byte of an answer came; the signal's reason when it aborted before
 */
export function proxy({
  connections,
  forwarded: { body: bodyOf, ...request },
  req,
  res,
  signal,
}: {
  connections: Connections;
  forwarded: Forwarded;
  req: IncomingMessage;
  res: ServerResponse;
  signal: AbortSignal;
}): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const whole = bodyOf();
    const streamed = whole === undefined ? streamOf(req) : undefined;
    let answered = false;
    const abort = () => exchange.breakOff(new Error('aborted'));
    const over = () => {
      signal.removeEventListener('abort', abort);
      streamed?.unfeed();
    };
    signal.addEventListener('abort', abort);
    const exchange = connections.send(
      { ...request, body: whole ?? streamed?.body ?? null },
      {
        // Nothing of the body is touched before there is a connection: a request that met a dead instance stays whole.
        onRequestStart: () => streamed?.feed(),
        onResponseStart(controller, status, message) {
          answered = true;
          // A refusal comes before the whole body is there; what still flows must not break the connection it comes on.
          if (status >= 400) streamed?.unfeed();
          const headers = endToEnd(rawHeadersOf(controller));
          for (const header of Object.entries(lingerFor(req, res))) headers.push(...header);
          res.writeHead(status, message, headers);
        },
        onResponseData(controller, chunk) {
          if (res.write(chunk)) return;
          controller.pause();
          res.once('drain', () => controller.resume());
        },
        onResponseEnd() {
          over();
          res.end();
          resolve();
        },
        onResponseError(error, isStale) {
          over();
          if (answered) {
            res.destroy();
            return resolve();
          }
          if (signal.aborted) return reject(signal.reason);
          const isUnsent = streamed ? !streamed.isTouched() : whole === null;
          reject(new NotDelivered(error.code === 'ECONNREFUSED' || (isStale && isUnsent), error));
        },
      },
    );
  });
}

/** A request for an instance: hop-by-hop headers and forged forwarding headers removed, true ones set. */
export function forwardedOf(
  req: IncomingMessage,
  { path, prefix }: { path: string; prefix: string },
): Forwarded {
  const headers = endToEnd(req.rawHeaders, isForwarding);
  headers.push('x-forwarded-for', req.socket.remoteAddress ?? '', 'x-forwarded-proto', 'http');
  headers.push('x-forwarded-host', req.headers.host ?? '', 'x-forwarded-prefix', prefix);
  let whole: Buffer | null | undefined = hasBody(req) ? undefined : null;
  return {
    method: req.method ?? 'GET',
    path,
    headers,
    body() {
      if (whole === undefined && req.complete && !req.readableDidRead) whole = req.read();
      return whole;
    },
  };
}

/** A request's body for a connection, piece by piece. */
function streamOf(req: IncomingMessage) {
  let isTouched = false;
  const onData = () => {
    isTouched = true;
  };
  // An instance that refuses a body and closes makes the next write fail, and a failed write discards an answer that is
  // not yet read. Whatever has arrived in the same turn of the event loop is read before the write.
  const body = new Transform({
    transform: (chunk, _, pass) => void setImmediate(pass, null, chunk),
  });
  body.on('error', () => {});
  return {
    body,
    isTouched: () => isTouched,
    feed: () => void req.once('data', onData).pipe(body),
    unfeed() {
      req.off('data', onData);
      req.unpipe(body);
    },
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

/** What the gateway sets itself, or has seen to. */
const isForwarding = (name: string) => /^(x-forwarded(-.*)?|forwarded|x-real-ip|expect)$/.test(name);

/** Raw headers (name, value, name, value, …) without those that are for one connection only (RFC 9110, 7.6.1). */
function endToEnd(rawHeaders: string[], isDropped: (name: string) => boolean = () => false): string[] {
  const kept: string[] = [];
  const named: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name = '', value = ''] = [rawHeaders[i], rawHeaders[i + 1]];
    const lower = name.toLowerCase();
    if (lower === 'connection') named.push(...value.toLowerCase().split(/[\s,]+/));
    else if (!hopByHop.has(lower) && !isDropped(lower)) kept.push(name, value);
  }
  const hops = named.filter((name) => name !== 'close' && !hopByHop.has(name));
  if (hops.length === 0) return kept;
  return kept.filter((_, i) => !hops.includes(kept[i - (i % 2)]?.toLowerCase() ?? ''));
}
