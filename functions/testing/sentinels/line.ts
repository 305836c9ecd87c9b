import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import * as v from 'valibot';

/** A network path to a server of this machine that can be cut. */
export interface Line {
  port: number;
  /** While it is cut, nothing passes, and neither side is notified. `from`: cuts off clients from this address only. */
  cut(isCut: boolean, from?: string): void;
  close(): void;
}

/** The host at which lines listen: the servers behind them have the same ports at 127.0.0.1. */
export const lineHost = '127.0.0.2';

export async function openLine(): Promise<Line> {
  const port = await freePort();
  const everybody = 'everybody';
  const cuts = new Set<string>();
  /** Both ends of each connection, with the client's address. */
  const sockets = new Map<Socket, string>();
  const isCutFor = (from: string) => cuts.has(everybody) || cuts.has(from);
  const keep = (socket: Socket, from: string) => {
    sockets.set(socket, from);
    socket
      .setNoDelay()
      .on('error', () => {})
      .on('close', () => sockets.delete(socket));
    if (isCutFor(from)) socket.pause();
  };
  const server = createServer((socket) => {
    const from = socket.remoteAddress ?? '';
    const other = connect(port, '127.0.0.1');
    keep(socket, from);
    keep(other, from);
    socket.on('close', () => other.destroy());
    other.on('close', () => socket.destroy());
    if (isCutFor(from)) return;
    socket.pipe(other);
    other.pipe(socket);
  });
  server.listen(port, lineHost);
  await once(server, 'listening');
  return {
    port,
    cut(isCut, from = everybody) {
      if (isCut) cuts.add(from);
      else cuts.delete(from);
      for (const [socket, its] of sockets) {
        if (from !== everybody && from !== its) continue;
        // What was cut off comes back as new connections.
        if (!isCut) socket.destroy();
        else socket.unpipe();
      }
    },
    close() {
      for (const socket of sockets.keys()) socket.destroy();
      server.close();
    },
  };
}

/** A port that is free at 127.0.0.1. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  server.close();
  await once(server, 'close');
  return port;
}
