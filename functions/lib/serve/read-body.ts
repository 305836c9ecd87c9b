import type { IncomingMessage } from 'node:http';
import { openDeadlines } from '../runtime/deadlines.ts';
import { HttpError } from './http.ts';

export interface BodyLimits {
  maxBytes: number;
  /** From the headers to the last byte. */
  deadlineMs: number;
}

/**
 * Returns a function that reads a whole body before functions-framework sees the request, because its parsers accept up to 1,024 MB.
 * It calls back once, with the body, or with an HttpError: 408, 413, 415, or 400 when the client disconnects.
 */
export function openBodyReader({
  maxBytes,
  deadlineMs,
}: BodyLimits): (req: IncomingMessage, done: (body: Buffer | HttpError) => void) => void {
  const deadlines = openDeadlines<(body: HttpError) => void>(deadlineMs, (end) =>
    end(new HttpError(408, `The body was not complete after ${deadlineMs / 1000} s.`)),
  );
  const tooLarge = () => new HttpError(413, `The body may have at most ${maxBytes} bytes.`);

  return (req, done) => {
    const encoding = req.headers['content-encoding'] ?? 'identity';
    if (encoding.toLowerCase() !== 'identity')
      return done(new HttpError(415, 'A compressed body is not accepted; send it as it is.'));
    if (Number(req.headers['content-length'] ?? 0) > maxBytes) return done(tooLarge());

    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) end(tooLarge());
      else chunks.push(chunk);
    };
    const onEnd = () => end(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
    const onGone = () => end(new HttpError(400, 'The body broke off.', { reason: 'broken-off' }));
    const end = (body: Buffer | HttpError) => {
      deadlines.delete(end);
      req.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      done(body);
    };
    deadlines.add(end);
    req.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  };
}
