import type { IncomingMessage } from 'node:http';
import { http } from '@google-cloud/functions-framework';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import type { RunningFunction } from './definition.ts';
import { HttpError } from './http.ts';
import type { Exchange, Responder } from './respond.ts';

/**
 * Registers a function with functions-framework. Its errors are answered here; the framework would answer with HTML and a stack.
 * @returns a function that passes an exchange, whose body has been read, through the framework
 */
export function openFramework(
  name: string,
  running: RunningFunction,
  { send, fail }: Pick<Responder, 'send' | 'fail'>,
): (exchange: Exchange) => void {
  const exchanges = new WeakMap<IncomingMessage, Exchange>();

  http(name, async (req, res) => {
    const exchange = exchanges.get(req) ?? { req, res };
    try {
      const { pathname: path, searchParams: query } = new URL(req.originalUrl, 'http://localhost');
      const { method, headers } = req;
      const { body = Buffer.alloc(0) } = exchange;
      send(exchange, await running.handle({ method, path, query, headers, body }));
    } catch (error) {
      fail(exchange, error);
    }
  });
  const server = getTestServer(name);

  return (exchange) => {
    const { req, res } = exchange;
    req.url = originForm(req);
    if (!isDecodable(req.url)) return fail(exchange, new HttpError(400, 'The address is malformed.'));
    exchanges.set(req, exchange);
    server.emit('request', req, res);
  };
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
