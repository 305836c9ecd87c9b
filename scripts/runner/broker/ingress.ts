import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import * as v from 'valibot';
import type { Answer } from '../../events/delivery-outcome.ts';
import { type CloudEvent, readEvent } from '../../events/cloud-event.ts';
import { refuseForeign } from '../../emulators/web/hosts.ts';
import { headerBytes, isTooLarge, MAX_HEADER_BYTES, MAX_RECORD_BYTES } from '../../events/limits.ts';
import type { Log } from '../log.ts';

/** How long a request that is still coming in may hold up the end. */
const DRAIN_MS = 1_000;

export interface Ingress {
  url: string;
  /** Does what a POST to `url` does, for callers in this process: a hop over HTTP costs as much as a delivery. */
  post(request: { headers: IncomingHttpHeaders; body: Buffer }): Promise<Answer>;
  close(): Promise<void>;
}

/**
 * The HTTP side of a Broker or KafkaSink, as Knative's receiver (`ReceiverVerticle`, `IngressRequestHandlerImpl`): one path, POST, a CloudEvent
 * in binary or structured mode; 202 after `append`.
 */
export async function startIngress({
  path,
  append,
  log,
}: {
  path: string;
  append: (event: CloudEvent) => Promise<void>;
  log: Log;
}): Promise<Ingress> {
  const server = createServer((req, res) => {
    if (refuseForeign(req, res)) return;
    receive(req).then(
      (answer) => write(res, answer),
      // Its body broke off: no client waits for an answer.
      () => req.destroy(),
    );
  });
  // Longer than a client keeps an idle connection, so that it never posts into one that is being closed.
  server.keepAliveTimeout = 75_000;

  async function receive(req: IncomingMessage): Promise<Answer> {
    if (req.method !== 'POST') return answer(405, 'Events are POSTed.', { allow: 'POST' });
    if (req.url?.split('?', 1)[0]?.replace(/\/$/, '') !== path) return answer(404, `Events go to ${path}.`);
    const body = await readBody(req);
    return body ? post({ headers: req.headers, body }) : tooLarge();
  }

  async function post({ headers, body }: { headers: IncomingHttpHeaders; body: Buffer }): Promise<Answer> {
    const bytes = headerBytes(headers);
    if (bytes > MAX_HEADER_BYTES) return headersTooLarge(bytes);
    let event: CloudEvent;
    try {
      event = readEvent(headers, body);
    } catch (error) {
      return answer(
        400,
        `This is not a CloudEvent: ${error instanceof Error ? error.message : String(error)}.`,
      );
    }
    if (isTooLarge(event)) return tooLarge();
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

/** The whole body; undefined when it is too large. It is read to its end all the same, as there: else the client would not read the answer. */
async function readBody(req: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req) {
    size += chunk.length;
    if (size <= MAX_RECORD_BYTES) chunks.push(chunk);
  }
  return size > MAX_RECORD_BYTES ? undefined : Buffer.concat(chunks);
}

/** Kafka's producer refuses the record, and Knative answers as if Kafka were away. */
const tooLarge = () => answer(503, `A record may have ${MAX_RECORD_BYTES} bytes.`);

const headersTooLarge = (bytes: number) =>
  answer(431, `Headers may have ${MAX_HEADER_BYTES} bytes in all; these have ${bytes}.`);

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
