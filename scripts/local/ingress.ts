import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import * as v from 'valibot';
import type { Answer } from './broker.ts';
import { claimsToBeEvent, type Event, readEvent } from './cloud-event.ts';
import { refuseForeign } from './hosts.ts';
import type { Log } from './log.ts';

/** Kafka's own default bound for a message; a form's event is a tenth of it. */
const MAX_BYTES = 1_048_576;

/** How long a request that is still coming in may hold up the end. */
const DRAIN_MS = 1_000;

export interface Ingress {
  url: string;
  /** What a POST to `url` does and is answered, for who is in this process: a hop over HTTP costs as much as a delivery. */
  post(request: { headers: IncomingHttpHeaders; body: Buffer }): Promise<Answer>;
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
    if (refuseForeign(req, res)) return;
    receive(req).then(
      (answer) => write(res, answer),
      // Its body broke off: there is nobody to answer.
      () => req.destroy(),
    );
  });
  // Longer than a client keeps an idle connection, so that it never posts into one that is being closed.
  server.keepAliveTimeout = 75_000;

  async function receive(req: IncomingMessage): Promise<Answer> {
    if (req.url?.split('?', 1)[0] !== path) return answer(404, `Events go to ${path}.`);
    if (req.method !== 'POST') return answer(405, 'Events are POSTed.', { allow: 'POST' });
    const body = await readBody(req);
    return body ? post({ headers: req.headers, body }) : tooLarge();
  }

  async function post({ headers, body }: { headers: IncomingHttpHeaders; body: Buffer }): Promise<Answer> {
    if (body.length > MAX_BYTES) return tooLarge();
    if (!claimsToBeEvent(headers))
      return answer(400, 'This is no CloudEvent: there is no ce-specversion header.');
    let event: Event;
    try {
      event = readEvent(headers, body);
    } catch (error) {
      return answer(400, `This is no CloudEvent: ${error instanceof Error ? error.message : String(error)}.`);
    }
    try {
      await append(event);
      return answer(202);
    } catch (error) {
      log.error({ error: String(error) }, 'event could not be stored');
      return answer(503, 'The event could not be stored.');
    }
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  return {
    url: `http://127.0.0.1:${port}${path}`,
    post,
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

const tooLarge = () => answer(413, `An event may have ${MAX_BYTES} bytes.`, { connection: 'close' });

function answer(status: number, text = '', headers: Record<string, string> = {}): Answer {
  const body = Buffer.from(text);
  return {
    status,
    headers: { 'content-length': String(body.length), 'content-type': 'text/plain', ...headers },
    body,
  };
}

function write(res: ServerResponse, { status, headers, body }: Answer) {
  if (!res.destroyed) res.writeHead(status, headers).end(body);
}
