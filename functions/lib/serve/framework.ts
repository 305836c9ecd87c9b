import type { IncomingMessage, Server } from 'node:http';
import { http } from '@google-cloud/functions-framework';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import type { RunningFunction } from './definition.ts';
import { HttpError, type HttpRequest } from './http.ts';
import type { Exchange, Responder } from './respond.ts';

/**
 * Registers a function with functions-framework. Its errors are answered here; the framework would answer with HTML and a stack.
 * @returns a function that answers an exchange, whose body has been read, through the framework. `POST /` does not take the way through
 *   the framework's Express, which adds nothing to it and takes a fifth of a submission's time; tests compare the two ways
 */
export function openFramework(
  name: string,
  running: RunningFunction,
  { send, fail }: Pick<Responder, 'send' | 'fail'>,
): (exchange: Exchange) => void {
  const exchanges = new WeakMap<IncomingMessage, Exchange>();

  async function answer(exchange: Exchange, url: string): Promise<void> {
    const { req, body = Buffer.alloc(0) } = exchange;
    try {
      const { method = '', headers } = req;
      send(exchange, await running.handle({ method, ...addressOf(url), headers, body }));
    } catch (error) {
      fail(exchange, error);
    }
  }

  // Under the framework's own CLI its parsers have read the body.
  http(name, (req, res) =>
    answer(exchanges.get(req) ?? { req, res, ...(req.rawBody && { body: req.rawBody }) }, req.originalUrl),
  );
  // Its Express takes 6 ms to set up, which a cold start for a submission need not wait for.
  let server: Server | undefined;

  return (exchange) => {
    const { req, res } = exchange;
    if (req.method === 'POST' && req.url === '/') return void answer(exchange, req.url);
    req.url = originForm(req);
    if (!isDecodable(req.url)) return fail(exchange, new HttpError(400, 'The address is malformed.'));
    exchanges.set(req, exchange);
    (server ??= getTestServer(name)).emit('request', req, res);
  };
}

function addressOf(url: string): Pick<HttpRequest, 'path' | 'query'> {
  if (url === '/') return { path: url, query: new URLSearchParams() };
  const { pathname: path, searchParams: query } = new URL(url, 'http://localhost');
  return { path, query };
}

/** A proxy may send the whole URL, and `*` to ask for the server's own options (RFC 9112, 3.2). */
function originForm({ method, url = '' }: IncomingMessage): string {
  if (url.startsWith('/')) return url;
  if (url === '*' && method === 'OPTIONS') return '/';
  return url.replace(/^https?:\/\/[^/?#]*\/?/i, '/');
}

/** The framework's router would answer an address that cannot be percent-decoded with an HTML page. */
function isDecodable(url: string): boolean {
  try {
    decodeURIComponent(url.split('?', 1)[0] ?? '');
    return url.startsWith('/') && !url.startsWith('//');
  } catch {
    return false;
  }
}
