import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import * as v from 'valibot';

/** A way to a server of this machine that can be cut. */
export interface Line {
  port: number;
  /** While it is cut, nothing passes, and nobody is told. */
  cut(isCut: boolean): void;
  close(): void;
}

/** The host at which lines listen: the servers behind them have the same ports at 127.0.0.1. */
export const lineHost = '127.0.0.2';

export async function openLine(): Promise<Line> {
  const port = await freePort();
  const sockets = new Set<Socket>();
  let isCut = false;
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    if (isCut) socket.pause();
  };
  const server = createServer((socket) => {
    const other = connect(port, '127.0.0.1');
    keep(socket);
    keep(other);
    socket.on('close', () => other.destroy());
    other.on('close', () => socket.destroy());
    if (isCut) return;
    socket.pipe(other);
    other.pipe(socket);
  });
  server.listen(port, lineHost);
  await once(server, 'listening');
  return {
    port,
    cut(cut) {
      isCut = cut;
      // What was cut off comes back as new connections.
      for (const socket of sockets) {
        if (!cut) socket.destroy();
        else socket.unpipe();
      }
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** One that is free at 127.0.0.1. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  server.close();
  await once(server, 'close');
  return port;
}
