import type { IncomingHttpHeaders } from 'node:http';
import { Refused, Unavailable } from '../runtime/errors.ts';

/** One HTTP request whose body has been read. `path` has no query; `query` is parsed. */
export interface HttpRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface HttpAnswer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
  /** A word for the metrics, where the status alone does not say why. */
  reason?: string | undefined;
}

/** An error with an HTTP status. `message` is sent to the caller. */
export class HttpError extends Error {
  override name = 'HttpError';
  readonly status: number;
  readonly headers: Record<string, string>;
  /** A word for the metrics, where the status alone does not say why. */
  readonly reason: string | undefined;

  constructor(
    status: number,
    message: string,
    options: ErrorOptions & { headers?: Record<string, string>; reason?: string | undefined } = {},
  ) {
    super(message, options);
    this.status = status;
    this.headers = options.headers ?? {};
    this.reason = options.reason;
  }
}

/** The status and headers for an expected error; undefined for a bug. */
export function httpErrorOf(error: unknown): HttpError | undefined {
  if (error instanceof HttpError) return error;
  if (error instanceof Refused) return new HttpError(400, error.message);
  if (!(error instanceof Unavailable)) return undefined;
  const { message, reason } = error;
  return new HttpError(503, message, { headers: { 'retry-after': '2' }, reason });
}

export function plainText(status: number, text: string, headers: Record<string, string> = {}): HttpAnswer {
  return { status, headers: { ...headers, 'content-type': 'text/plain; charset=utf-8' }, body: `${text}\n` };
}
