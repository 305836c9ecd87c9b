import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { http } from '@google-cloud/functions-framework';
import { getTestServer } from '@google-cloud/functions-framework/testing';
import * as v from 'valibot';
import { readBody, type BodyLimits } from './read-body.ts';
import { integer, readEnv, type EnvEntries } from '../runtime/env.ts';
import { HttpError, httpErrorOf, type HttpAnswer, type HttpRequest } from './http.ts';
import { openLog, type Log } from '../runtime/log.ts';
import { startPushing } from '../metrics/metrics.ts';

/** A function that `serve` can run: a form or a task. */
export interface FunctionDefinition {
  /** The one name: folder, file, FUNCTION_TARGET, manifest. */
  name: string;
  env: EnvEntries;
  limits: BodyLimits;
  /** Opens what the function needs. `env` is the checked environment. */
  start(env: Record<string, unknown>, log: Log): Promise<RunningFunction> | RunningFunction;
  /** How an error of the given status is told to this function's callers. */
  answerError(error: HttpError, request: Pick<HttpRequest, 'headers'>): HttpAnswer;
  /** Told of each answer, to count it. `seconds` since the body was complete. */
  answered?(answer: { method: string; status: number; reason?: string | undefined; seconds: number }): void;
}

interface RunningFunction {
  handle(request: HttpRequest): Promise<HttpAnswer> | HttpAnswer;
  /** What every answer is completed with, errors included. */
  complete?(answer: HttpAnswer, request: Pick<HttpRequest, 'headers'>): HttpAnswer;
  close?(): Promise<void>;
}

export interface Served {
  url: string;
  /** Answers what is in flight, then closes what the function opened. */
  close(): Promise<void>;
}

const serverEnv = {
  PORT: integer('the port to listen on', { min: 0, max: 65_535, fallback: 8080 }),
  HOST: v.pipe(v.optional(v.string()), v.description('the address to listen on (default: all)')),
  LOG_LEVEL: v.pipe(
    v.optional(v.picklist(['debug', 'info', 'warn', 'error', 'silent'], 'no such level'), 'info'),
    v.description('debug, info, warn, error or silent'),
  ),
  METRICS_URL: v.pipe(
    v.optional(v.pipe(v.string(), v.url('not a URL'), v.regex(/^http:/, 'not an http URL'))),
    v.description('the address of the function metrics (default: nothing is counted)'),
  ),
  K_SERVICE: v.pipe(v.optional(v.string()), v.description("the Service's name, which Knative sets")),
};

/** Knative's proxies keep idle connections for up to 600 s; a server that closes earlier makes them answer 502. */
const keepAliveMs = 620_000;

/** As much as the ingresses of the Broker and the KafkaSink take; Node itself stops at 16,384. */
const maxHeaderSize = 65_536;

/**
 * Checks the environment of a function without starting it.
 * @throws EnvError naming every bad or missing variable
 */
export function checkEnv(definition: FunctionDefinition, source?: Record<string, string | undefined>) {
  return readEnv({ ...serverEnv, ...definition.env }, source);
}

/**
 * Serves a form or a task through functions-framework.
 * The body is read in front of the framework, with a cap and a deadline; errors never leave as HTML or with internals.
 * @throws EnvError
 */
export async function serve(
  definition: FunctionDefinition,
  {
    env: source,
    limits = definition.limits,
    headersMs = 15_000,
  }: { env?: Record<string, string | undefined>; limits?: BodyLimits; headersMs?: number } = {},
): Promise<Served> {
  const env = checkEnv(definition, source);
  const log = openLog(definition.name, env.LOG_LEVEL);
  const { METRICS_URL, K_SERVICE: service = definition.name } = env;
  const pushing = METRICS_URL === undefined ? undefined : startPushing({ url: METRICS_URL, service, log });
  const running = await definition.start(env, log);
  const bodies = new WeakMap<IncomingMessage, { body: Buffer; completeAt: number }>();
  let closing = false;

  const complete = running.complete ?? ((answer) => answer);

  const send = (req: IncomingMessage, res: ServerResponse, answer: HttpAnswer) => {
    const { status, headers, body, reason } = complete(answer, req);
    const now = performance.now();
    const seconds = (now - (bodies.get(req)?.completeAt ?? now)) / 1_000;
    definition.answered?.({ method: req.method ?? '', status, reason, seconds });
    if (res.headersSent || res.destroyed) return;
    res.writeHead(status, {
      ...headers,
      ...(status === 204 ? {} : { 'content-length': Buffer.byteLength(body ?? '') }),
      ...(closing ? { connection: 'close' } : {}),
    });
    res.end(body);
  };
  const fail = (req: IncomingMessage, res: ServerResponse, cause: unknown) => {
    const known = httpErrorOf(cause);
    if (!known) log.error({ err: cause }, 'a request failed unexpectedly');
    const error = known ?? new HttpError(500, 'Something went wrong here.');
    send(req, res, { ...definition.answerError(error, req), reason: error.reason });
    if (req.complete) return;
    // What is left of the body is taken off the wire for a moment: a connection that is closed on a client who is still
    // sending is reset, and the answer lost with it. `Connection: close` would make Node close it at once.
    req.on('error', () => {}).resume();
    const impatience = setTimeout(() => {
      if (!req.complete) req.destroy();
    }, 1_000);
    impatience.unref();
  };

  http(definition.name, async (req, res) => {
    try {
      const url = new URL(req.originalUrl, 'http://localhost');
      const request = {
        method: req.method,
        path: url.pathname,
        query: url.searchParams,
        headers: req.headers,
      };
      send(req, res, await running.handle({ ...request, body: bodies.get(req)?.body ?? Buffer.alloc(0) }));
    } catch (error) {
      fail(req, res, error);
    }
  });
  const framework = getTestServer(definition.name);

  const options = {
    keepAliveTimeout: keepAliveMs,
    headersTimeout: headersMs,
    // Node looks every half a minute, which would be three times as late.
    connectionsCheckingInterval: headersMs / 3,
    maxHeaderSize,
  };
  const server = createServer(options, (req, res) => {
    readBody(req, limits).then(
      (body) => {
        req.url = originForm(req);
        if (!isDecodable(req.url)) return fail(req, res, new HttpError(400, 'The address is malformed.'));
        bodies.set(req, { body, completeAt: performance.now() });
        framework.emit('request', req, res);
      },
      (error: unknown) => fail(req, res, error),
    );
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (socket.writable)
      socket.end(rawAnswer(complete(definition.answerError(errorOf(error.code), noHeaders), noHeaders)));
  });
  const url = await listen(server, env.PORT, env.HOST);
  log.info({ url }, 'ready');

  return {
    url,
    async close() {
      closing = true;
      // A body that was refused may still be coming: its connection, answered as one to keep, falls idle only afterwards.
      const sweep = setInterval(() => server.closeIdleConnections(), 50);
      await new Promise((resolve) => server.close(resolve));
      clearInterval(sweep);
      await running.close?.();
      await pushing?.close();
      log.info('closed');
    },
  };
}

/** What Node could not read as HTTP gets an answer of this project, too. https://nodejs.org/api/http.html#event-clienterror */
function errorOf(code: string | undefined): HttpError {
  if (code === 'HPE_HEADER_OVERFLOW') return new HttpError(431, 'The headers are too long.');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new HttpError(408, 'The headers were not complete in time.');
  return new HttpError(400, 'This is no HTTP request.');
}

const noHeaders = { headers: {} };

function rawAnswer({ status, headers, body = '' }: HttpAnswer): string {
  const all = { ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`;
}

/** A proxy may ask by the whole URL, and for the server's own options by `*` (RFC 9112, 3.2). */
function originForm({ method, url = '' }: IncomingMessage): string {
  if (url.startsWith('/')) return url;
  if (url === '*' && method === 'OPTIONS') return '/';
  return url.replace(/^https?:\/\/[^/?#]*\/?/i, '/');
}

/** The framework's router answers an address that can't be percent-decoded with an HTML page of its own. */
function isDecodable(url: string): boolean {
  try {
    decodeURIComponent(url.split('?', 1)[0] ?? '');
    return url.startsWith('/') && !url.startsWith('//');
  } catch {
    return false;
  }
}

function listen(server: Server, port: number, host = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        new Error(`Cannot listen on ${host || '*'}:${port} (${cause.code}); set PORT and HOST.`, { cause }),
      );
    });
    server.listen({ port, ...(host && { host }) }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address ? address.port : port;
      resolve(`http://${host || 'localhost'}:${bound}`);
    });
  });
}
