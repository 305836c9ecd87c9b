import type { Server } from 'node:http';
import { createServer, type ListenOptions, type Server as Listener } from 'node:net';

/**
 * How many connections may wait at a socket until they are accepted; more are dropped, and their clients try again after 1 s, 3 s and so
 * on. Linux allows `net.core.somaxconn` of them (4,096) and cuts what is above; Node's default is 511.
 */
const BACKLOG = 65_535;

/**
 * libuv accepts one connection of a listening socket in each turn of the event loop, and a busy runner has four turns a second: of 1,000
 * clients that came at once some waited 26 s for their first answer. Linux spreads connections over the sockets of a port.
 */
const SOCKETS = process.platform === 'linux' ? 16 : 1;

export interface Listening {
  port: number;
  /** Takes no new connections. Resolves when there are none any more. */
  close(): Promise<void>;
}

/**
 * Opens a port for a server.
 * @param port 0 = one from the system
 * @throws Error of the system, such as EADDRINUSE
 */
export async function listen(
  server: Server,
  { port, host }: { port: number; host: string },
): Promise<Listening> {
  const [isShared, backlog] = [SOCKETS > 1, BACKLOG];
  if (isShared && port > 0) {
    // Sockets that share a port find it free although another program's sockets share theirs.
    const probe = createServer();
    await open(probe, { port, host });
    await closed(probe);
  }
  const bound = await open(server, { port, host, backlog, reusePort: isShared });
  const others = Array.from({ length: SOCKETS - 1 }, () =>
    createServer({ allowHalfOpen: true, noDelay: true }, (socket) => void server.emit('connection', socket)),
  );
  for (const other of others) await open(other, { port: bound, host, backlog, reusePort: true });
  return {
    port: bound,
    close: async () => void (await Promise.all([server, ...others].map(closed))),
  };
}

function open(listener: Listener, options: ListenOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    listener.once('error', reject);
    listener.listen(options, () => {
      listener.off('error', reject);
      const address = listener.address();
      resolve(typeof address === 'object' && address ? address.port : 0);
    });
  });
}

function closed(listener: Listener): Promise<void> {
  return new Promise((resolve) => void listener.close(() => resolve()));
}
