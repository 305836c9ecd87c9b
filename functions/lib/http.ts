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
}

/** An error with a status of its own, made for the caller's eyes: `message` is sent. */
export class HttpError extends Error {
  override name = 'HttpError';
  readonly status: number;
  readonly headers: Record<string, string>;

  constructor(
    status: number,
    message: string,
    options: ErrorOptions & { headers?: Record<string, string> } = {},
  ) {
    super(message, options);
    this.status = status;
    this.headers = options.headers ?? {};
  }
}

/** What is needed right now is out of reach; the same request may work later (503, so that Knative or the caller tries again). */
export class Unavailable extends HttpError {
  override name = 'Unavailable';

  constructor(message: string, options: ErrorOptions = {}) {
    super(503, message, { ...options, headers: { 'retry-after': '2' } });
  }
}
