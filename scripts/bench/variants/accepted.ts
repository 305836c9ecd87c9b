import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';

/** Answers as student-data-form does, with the same headers and as many bytes, so that the variants differ in how they come to it only. */
export function accept(res: ServerResponse, id: string = randomUUID(), receivedAt = new Date()): void {
  const body = JSON.stringify({ id, form: 'student-data-form', receivedAt: receivedAt.toISOString() });
  res.writeHead(202, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
  });
  res.end(body);
}

/** As many connections may wait to be accepted as with a form. */
export const listening = { port: Number(process.env['PORT']), host: '127.0.0.1', backlog: 65_535 };
