import { createServer, type Server, type ServerResponse, type IncomingMessage } from 'node:http';
import { HttpError } from './http.ts';

export interface ServerOptions {
  port: number;
  /** The address to listen on; undefined for all. */
  host: string | undefined;
  /** Time for a client to send the headers of a request, in milliseconds. */
  headersMs: number;
  onRequest: (req: IncomingMessage, res: ServerResponse) => void;
  /** Returns the whole answer, as text, for bytes that Node cannot parse as a request. */
  onUnreadable: (error: HttpError) => string;
}

/** Knative's proxies keep idle connections for up to 600 s, and answer 502 when the server closes them earlier. */
const keepAliveMs = 620_000;

/**
 * How many connections may wait until they are accepted; more are dropped, and their clients try again after 1 s, 3 s and so on. Linux
 * allows `net.core.somaxconn` of them (4,096) and cuts what is above; Node's default is 511.
 */
const backlog = 65_535;

/** What the ingresses of the Broker and the KafkaSink may be set to accept; Node's default is 16,384. */
const maxHeaderSize = 65_536;

/**
 * Opens an HTTP server that suits Knative's proxies.
 * @throws Error that names the address when it cannot listen there
 */
export async function openServer({ port, host, headersMs, onRequest, onUnreadable }: ServerOptions) {
  const options = {
    keepAliveTimeout: keepAliveMs,
    headersTimeout: headersMs,
    // Node checks every 30 s by default, which is twice the deadline.
    connectionsCheckingInterval: headersMs / 3,
    maxHeaderSize,
  };
  const server = createServer(options, onRequest);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (socket.writable) socket.end(onUnreadable(errorOf(error.code)));
  });
  return {
    url: await listen(server, port, host),
    /** Stops listening and resolves when every request has its answer. */
    async close(): Promise<void> {
      // The connection of a refused request becomes idle only when the rest of its body has arrived.
      const sweep = setInterval(() => server.closeIdleConnections(), 50);
      await new Promise((resolve) => server.close(resolve));
      clearInterval(sweep);
    },
  };
}

/** https://nodejs.org/api/http.html#event-clienterror */
function errorOf(code: string | undefined): HttpError {
  if (code === 'HPE_HEADER_OVERFLOW') return new HttpError(431, 'The headers are too long.');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new HttpError(408, 'The headers were not complete in time.');
  return new HttpError(400, 'This is not an HTTP request.');
}

function listen(server: Server, port: number, host = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        new Error(`Cannot listen on ${host || '*'}:${port} (${cause.code}); set PORT and HOST.`, { cause }),
      );
    });
    server.listen({ port, backlog, ...(host && { host }) }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address ? address.port : port;
      resolve(`http://${host || 'localhost'}:${bound}`);
    });
  });
}
