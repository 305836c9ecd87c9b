import { STATUS_CODES, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Log } from '../runtime/log.ts';
import type { FunctionDefinition, RunningFunction } from './definition.ts';
import { HttpError, httpErrorOf, type HttpAnswer } from './http.ts';

/** A request and its response. The body is there once it was read. */
export interface Exchange {
  req: IncomingMessage;
  res: ServerResponse;
  body?: Buffer;
  /** When the body was complete, on the clock of `performance.now()`. */
  completeAt?: number;
}

export interface Responder {
  send(exchange: Exchange, answer: HttpAnswer): void;
  /** Answers an error; a bug is logged, and answered 500 without its message. */
  fail(exchange: Exchange, error: unknown): void;
  /** The answer to bytes that Node could not read as a request: there is no response to write it to. */
  textOf(error: HttpError): string;
  /** From now on each answer closes its connection. */
  close(): void;
}

/** Writes a function's answers, and reports each to its definition. */
export function openResponder(
  definition: FunctionDefinition,
  { complete = (answer) => answer }: RunningFunction,
  log: Log,
): Responder {
  let isClosing = false;

  function send({ req, res, completeAt }: Exchange, answer: HttpAnswer): void {
    const { status, headers, body, reason } = complete(answer, req);
    const seconds = completeAt === undefined ? 0 : (performance.now() - completeAt) / 1_000;
    definition.answered?.({ method: req.method ?? '', status, reason, seconds });
    if (res.headersSent || res.destroyed) return;
    res.writeHead(status, {
      ...headers,
      ...(status === 204 ? {} : { 'content-length': Buffer.byteLength(body ?? '') }),
      ...(isClosing ? { connection: 'close' } : {}),
    });
    res.end(body);
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
 * Reads the rest of a refused body for a moment: closing a connection while the client still sends resets it, and the answer is
 * lost with it. `Connection: close` would make Node close it at once.
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
