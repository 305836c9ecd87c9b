import type { IncomingMessage, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { invalid } from './grid/google-error.ts';
import { guessed } from './grid/texts.ts';

/** Google's own limit for a request. */
const MAX_BODY = 10 * 1024 * 1024;

/** The request's whole body, decompressed. @throws GoogleError 400 when it is too large or not what it says it is */
export async function readBody(req: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of req) {
    const bytes: Buffer = chunk;
    length += bytes.length;
    // What is too large is still read to its end, so that the answer reaches the caller, but not kept.
    if (length <= MAX_BODY) chunks.push(bytes);
  }
  if (length > MAX_BODY) throw invalid(guessed.bodyTooLarge(MAX_BODY));
  const raw = Buffer.concat(chunks);
  if (req.headers['content-encoding'] !== 'gzip') return raw;
  try {
    return await promisify(gunzip)(raw, { maxOutputLength: MAX_BODY });
  } catch (error) {
    const tooLarge = error instanceof RangeError;
    throw invalid(tooLarge ? guessed.bodyTooLarge(MAX_BODY) : guessed.unreadableBody);
  }
}

/** A page in the place of Google's answer. */
export function sendFaultPage(res: ServerResponse, status: number): void {
  res.writeHead(status, { 'content-type': 'text/html' });
  res.end('<!doctype html><title>Sign in</title><p>This is not Google Sheets.</p>');
}

export function sendJson(res: ServerResponse, status: number, body: object): void {
  const bytes = Buffer.from(JSON.stringify(body));
  res.writeHead(status, {
    'content-type': 'application/json; charset=UTF-8',
    'content-length': bytes.length,
  });
  res.end(bytes);
}
