import type { IncomingHttpHeaders } from 'node:http';

/** One HTTP request with its body already read. `path` bears no query; `query` is parsed. */
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
  /** For the metrics, where the status alone does not say why. */
  reason?: string | undefined;
}

/** An error with a status of its own, made for the caller's eyes: `message` is sent. */
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

/** What is needed right now is out of reach; the same request may work later (503, so that Knative or the caller tries again). */
export class Unavailable extends HttpError {
  override name = 'Unavailable';

  constructor(message: string, options: ErrorOptions & { reason?: string } = {}) {
    super(503, message, { ...options, headers: { 'retry-after': '2' } });
  }
}

/** A task's own no to an event, for good: a dead letter at once, and `message` is the reason that stands in it. No data of the submission. */
export class Refused extends HttpError {
  override name = 'Refused';

  constructor(message: string, options: ErrorOptions = {}) {
    super(400, message, options);
  }
}

export function plainText(status: number, text: string, headers: Record<string, string> = {}): HttpAnswer {
  return { status, headers: { ...headers, 'content-type': 'text/plain; charset=utf-8' }, body: `${text}\n` };
}
