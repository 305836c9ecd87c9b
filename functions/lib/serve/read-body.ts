import type { IncomingMessage } from 'node:http';
import { HttpError } from './http.ts';

export interface BodyLimits {
  maxBytes: number;
  /** From the headers to the last byte. */
  deadlineMs: number;
}

/**
 * Reads the whole body before functions-framework sees the request, because its parsers accept up to 1,024 MB.
 * @throws HttpError 408, 413, 415, or 400 when the client disconnects
 */
export function readBody(req: IncomingMessage, { maxBytes, deadlineMs }: BodyLimits): Promise<Buffer> {
  const encoding = req.headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    return Promise.reject(new HttpError(415, 'A compressed body is not accepted; send it as it is.'));
  }
  const tooLarge = () => new HttpError(413, `The body may have at most ${maxBytes} bytes.`);
  if (Number(req.headers['content-length'] ?? 0) > maxBytes) return Promise.reject(tooLarge());

  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) finish(() => reject(tooLarge()));
      else chunks.push(chunk);
    };
    const onEnd = () =>
      finish(() => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    const onGone = () =>
      finish(() => reject(new HttpError(400, 'The body broke off.', { reason: 'broken-off' })));
    const timer = setTimeout(
      () =>
        finish(() => reject(new HttpError(408, `The body was not complete after ${deadlineMs / 1000} s.`))),
      deadlineMs,
    );
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      req.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      settle();
    };
    req.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
}
