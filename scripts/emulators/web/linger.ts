import type { IncomingMessage, ServerResponse } from 'node:http';

/** How long the unread rest of a body is taken off the wire. */
const lingerMs = 5_000;

/**
 * To be called with an answer that may come before the request's whole body: closing the connection on what the client
 * still sends would reset it, and the client might never get to read the answer. So the rest is taken and thrown away.
 * @returns headers that the answer needs for this
 */
export function lingerFor(req: IncomingMessage, res: ServerResponse): Record<string, string> {
  if (req.complete || !hasBody(req)) return {};
  const wantsClose = /\bclose\b/i.test(req.headers.connection ?? '');
  const timer = setTimeout(() => req.destroy(), lingerMs);
  req.once('close', () => clearTimeout(timer));
  req.once('end', () => {
    clearTimeout(timer);
    if (!wantsClose) return;
    if (res.writableFinished) req.socket.end();
    else res.once('finish', () => req.socket.end());
  });
  res.once('finish', () => req.on('error', () => {}).resume());
  // Without this, Node closes the connection as soon as the answer is written when the client asked for that.
  return { connection: 'keep-alive' };
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
