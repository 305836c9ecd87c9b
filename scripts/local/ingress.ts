import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import * as v from 'valibot';
import { claimsToBeEvent, type Event, readEvent } from './cloud-event.ts';
import type { Log } from './log.ts';

/** Kafka's own default bound for a message; a form's event is a tenth of it. */
const MAX_BYTES = 1_048_576;

/** How long a request that is still coming in may hold up the end. */
const DRAIN_MS = 1_000;

export interface Ingress {
  url: string;
  close(): Promise<void>;
}

/** The Broker's HTTP side: one path, POST, a CloudEvent in binary or structured mode; 202 after `append`. */
export async function startIngress({
  path,
  append,
  log,
}: {
  path: string;
  append: (event: Event) => Promise<void>;
  log: Log;
}): Promise<Ingress> {
  const server = createServer((req, res) => {
    receive(req, res).catch((error: unknown) => {
      if (req.errored) return;
      log.error({ error: String(error) }, 'event could not be stored');
      answer(res, 503, 'The event could not be stored.');
    });
  });
  // Longer than a client keeps an idle connection, so that it never posts into one that is being closed.
  server.keepAliveTimeout = 75_000;

  async function receive(req: IncomingMessage, res: ServerResponse) {
    if (new URL(req.url ?? '/', 'http://broker').pathname !== path)
      return answer(res, 404, `Events go to ${path}.`);
    if (req.method !== 'POST') return answer(res, 405, 'Events are POSTed.', { allow: 'POST' });
    const body = await readBody(req);
    if (!body) return answer(res, 413, `An event may have ${MAX_BYTES} bytes.`, { connection: 'close' });
    if (!claimsToBeEvent(req.headers))
      return answer(res, 400, 'This is no CloudEvent: there is no ce-specversion header.');
    let event: Event;
    try {
      event = readEvent(req.headers, body);
    } catch (error) {
      return answer(
        res,
        400,
        `This is no CloudEvent: ${error instanceof Error ? error.message : String(error)}.`,
      );
    }
    await append(event);
    answer(res, 202);
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  return {
    url: `http://127.0.0.1:${port}${path}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeIdleConnections();
      const timer = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** The whole body; undefined when it is too large. */
async function readBody(req: IncomingMessage): Promise<Buffer | undefined> {
  if (Number(req.headers['content-length'] ?? 0) > MAX_BYTES) return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req) {
    size += chunk.length;
    if (size > MAX_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function answer(res: ServerResponse, status: number, text = '', headers: Record<string, string> = {}) {
  if (res.headersSent || res.destroyed) return;
  res.writeHead(status, {
    'content-length': Buffer.byteLength(text),
    'content-type': 'text/plain',
    ...headers,
  });
  res.end(text);
}
