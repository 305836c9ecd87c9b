import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Log } from '../runtime/log.ts';
import type { FunctionDefinition, RunningFunction } from './definition.ts';
import { HttpError, httpErrorOf, type HttpAnswer } from './http.ts';

/** A request and its response; `body` is set once it has been read. */
export interface Exchange {
  req: IncomingMessage;
  res: ServerResponse;
  body?: Buffer;
  /** When the body was complete, on the clock of `performance.now()`. */
  completeAt?: number;
}

export interface Responder {
  send(exchange: Exchange, answer: HttpAnswer): void;
  /** Answers an error. Logs a bug, and answers it with 500 and without its message. */
  fail(exchange: Exchange, error: unknown): void;
  /** The answer for bytes that Node cannot parse as a request: Node offers no response object for them. */
  textOf(error: HttpError): string;
  /** From now on each answer closes its connection. */
  close(): void;
}

/** Writes a function's answers and reports each one to its definition. */
export function openResponder(
  definition: FunctionDefinition,
  { complete = (answer) => answer }: RunningFunction,
  log: Log,
): Responder {
  let isClosing = false;

  function send({ req, res, completeAt }: Exchange, answer: HttpAnswer): void {
    const { status, headers, body = '', reason } = complete(answer, req);
    const seconds = completeAt === undefined ? 0 : (performance.now() - completeAt) / 1_000;
    definition.answered?.({ method: req.method ?? '', status, reason, seconds });
    if (res.headersSent || res.destroyed) return;
    const length = Buffer.byteLength(body);
    const all: Record<string, string | number> = { ...headers };
    if (status !== 204) all['content-length'] = length;
    if (isClosing) all['connection'] = 'close';
    res.writeHead(status, all);
    // Plain ASCII has the same bytes in both, and Node writes it faster as latin1.
    res.end(body, length === body.length ? 'latin1' : 'utf8');
  }

  return {
    send,
    fail(exchange, cause) {
      const known = httpErrorOf(cause);
      if (!known) log.error({ err: cause }, 'a request failed unexpectedly');
      const error = known ?? new HttpError(500, 'Something went wrong here.');
      const { req } = exchange;
      send(exchange, { ...definition.answerError(error, req), reason: error.reason });
      if (!req.complete) discardBody(req);
    },
    textOf: (error) => asText(complete(definition.answerError(error, noHeaders), noHeaders)),
    close() {
      isClosing = true;
    },
  };
}

/**
 * Reads the rest of a refused body for up to a second. Closing the connection while the client still sends would reset it and lose
 * the answer; with `Connection: close` Node does just that.
 */
function discardBody(req: IncomingMessage): void {
  req.on('error', () => {}).resume();
  const impatience = setTimeout(() => {
    if (!req.complete) req.destroy();
  }, 1_000);
  impatience.unref();
}

const noHeaders = { headers: {} };

function asText({ status, headers, body = '' }: HttpAnswer): string {
  const all = { ...headers, 'content-length': Buffer.byteLength(body), connection: 'close' };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`;
}
