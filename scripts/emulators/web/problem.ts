import { STATUS_CODES, type ServerResponse } from 'node:http';
import { lingerFor } from './linger.ts';

/** Answers an error as RFC 9457 problem details; without effect when an answer has begun already. */
export function answerProblem(
  res: ServerResponse,
  status: number,
  detail: string,
  { headers = {}, ...members }: { headers?: Record<string, string>; [member: string]: unknown } = {},
) {
  if (res.headersSent || res.destroyed) return;
  const title = STATUS_CODES[status] ?? 'Error';
  const body = JSON.stringify({ type: 'about:blank', title, status, detail, ...members });
  res.writeHead(status, {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(body),
    ...lingerFor(res.req, res),
    ...headers,
  });
  res.end(body);
}
