import { createServer, type Server, type ServerResponse, type IncomingMessage } from 'node:http';
import { HttpError } from './http.ts';

export interface ServerOptions {
  port: number;
  /** The address to listen on; all of them when it is undefined. */
  host: string | undefined;
  /** How long a client may take for the headers of a request, in milliseconds. */
  headersMs: number;
  onRequest: (req: IncomingMessage, res: ServerResponse) => void;
  /** Returns the whole answer, as text, to what Node could not read as a request. */
  onUnreadable: (error: HttpError) => string;
}

/** Knative's proxies keep idle connections for up to 600 s; a server that closes earlier makes them answer 502. */
const keepAliveMs = 620_000;

/** As much as the ingresses of the Broker and the KafkaSink take; Node itself stops at 16,384. */
const maxHeaderSize = 65_536;

/**
 * Opens an HTTP server as Knative's proxies want it.
 * @throws Error that names the address, when it cannot listen there
 */
export async function openServer({ port, host, headersMs, onRequest, onUnreadable }: ServerOptions) {
  const options = {
    keepAliveTimeout: keepAliveMs,
    headersTimeout: headersMs,
    // Node looks every half a minute, which would be three times as late.
    connectionsCheckingInterval: headersMs / 3,
    maxHeaderSize,
  };
  const server = createServer(options, onRequest);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (socket.writable) socket.end(onUnreadable(errorOf(error.code)));
  });
  return {
    url: await listen(server, port, host),
    /** Stops listening, and resolves when each open connection has its answer. */
    async close(): Promise<void> {
      // A refused body may still be coming in: its connection, answered as one to keep, falls idle only afterwards.
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
  return new HttpError(400, 'This is no HTTP request.');
}

function listen(server: Server, port: number, host = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        new Error(`Cannot listen on ${host || '*'}:${port} (${cause.code}); set PORT and HOST.`, { cause }),
      );
    });
    server.listen({ port, ...(host && { host }) }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address ? address.port : port;
      resolve(`http://${host || 'localhost'}:${bound}`);
    });
  });
}
