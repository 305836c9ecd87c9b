import { connect, createServer } from 'node:net';

const handedOut = new Set<number>();

/**
 * Takes a free port of 127.0.0.1 from the system. No process holds it until its user listens, so that user must be ready
 * for EADDRINUSE; this process, at least, does not hand it out again until `releasePort`.
 */
export async function takePort(): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (handedOut.has(port)) continue;
    handedOut.add(port);
    return port;
  }
}

export function releasePort(port: number) {
  handedOut.delete(port);
}

/** Whether something accepts TCP connections on this port of 127.0.0.1. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    // When no process listens, Linux may by chance give the connection the same port on both ends: it connects to itself.
    socket.once('connect', () => settle(socket.localPort !== port));
    socket.once('error', () => settle(false));
  });
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port: 0, host: '127.0.0.1' }, () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address) resolve(address.port);
        else reject(new Error('the system gave no port on 127.0.0.1'));
      });
    });
  });
}
