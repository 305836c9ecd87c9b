import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { openConnections } from './connections.ts';

/** A server that hands out its connections: the test writes the answers. */
async function open() {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket.on('error', () => {})));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address: AddressInfo | string | null = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const connections = openConnections(port);
  onTestFinished(() => {
    connections.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { sockets, connections, server };
}

/** Resolves with the status of the answer, or with how it failed. */
function send({ connections }: Awaited<ReturnType<typeof open>>, method = 'GET') {
  const { promise, resolve } = Promise.withResolvers<string>();
  let answer = '';
  const exchange = connections.send(
    { method, path: '/' },
    {
      onResponseStart: (_, status, message) => (answer = `${status} ${message}`),
      onResponseData: (_, chunk) => (answer += ` ${chunk.toString()}`),
      onResponseEnd: () => resolve(answer),
      onResponseError: ({ code, message }, isStale) =>
        resolve(`${code ?? message}${isStale ? ', stale' : ''}`),
    },
  );
  return { answer: promise, ...exchange };
}

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi';

/** Waits for a request on the n-th connection. */
async function request({ sockets, server }: Awaited<ReturnType<typeof open>>, n = 0): Promise<Socket> {
  while (!sockets[n]) await once(server, 'connection');
  const socket = sockets[n];
  if (!socket) throw new Error('no connection');
  await once(socket, 'data');
  return socket;
}

test('an idle connection is used again; requests at once have one each', async () => {
  const here = await open();
  for (let n = 0; n < 3; n += 1) {
    const { answer } = send(here);
    (await request(here)).write(ok);
    expect(await answer).toBe('200 OK hi');
  }
  const [one, two] = [send(here), send(here)];
  const sockets = await Promise.all([request(here, 0), request(here, 1)]);
  for (const socket of sockets) socket.write(ok);
  expect([await one.answer, await two.answer]).toEqual(['200 OK hi', '200 OK hi']);
  expect(here.sockets).toHaveLength(2);
});

test('a connection that the instance has closed is replaced', async () => {
  const here = await open();
  const first = send(here);
  const socket = await request(here);
  socket.write(ok);
  await first.answer;
  socket.end();
  await once(socket, 'close');
  const second = send(here);
  (await request(here, 1)).write(ok);
  expect(await second.answer).toBe('200 OK hi');
});

test('a request that is broken off on a connection that had idled is stale, and on a new one it is not', async () => {
  const here = await open();
  const first = send(here);
  (await request(here)).write(ok);
  await first.answer;
  const stale = send(here);
  (await request(here)).destroy();
  expect(await stale.answer).toBe('UND_ERR_SOCKET, stale');
  const fresh = send(here);
  (await request(here, 1)).destroy();
  expect(await fresh.answer).toBe('UND_ERR_SOCKET');
});

test('what comes before the answer is not the answer, and an answer to HEAD has no body', async () => {
  const here = await open();
  const hinted = send(here);
  (await request(here)).write(`HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n${ok}`);
  expect(await hinted.answer).toBe('200 OK hi');
  const head = send(here, 'HEAD');
  (await request(here)).write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n');
  expect(await head.answer).toBe('200 OK');
});

test('a request that is broken off ends its connection, whether there is one already or not', async () => {
  const early = send(await open());
  early.breakOff(new Error('given up'));
  expect(await early.answer).toBe('given up');
  const here = await open();
  const late = send(here);
  const socket = await request(here);
  late.breakOff(new Error('given up'));
  await late.answer;
  if (!socket.closed) await once(socket, 'close');
});

test('a port where nothing listens refuses the connection', async () => {
  const here = await open();
  here.server.close();
  await once(here.server, 'close');
  expect(await send(here).answer).toBe('ECONNREFUSED');
});

test('closing ends idle connections at once, and the others after their answer', async () => {
  const here = await open();
  const [one, two] = [send(here), send(here)];
  const [idle, busy] = await Promise.all([request(here, 0), request(here, 1)]);
  idle.write(ok);
  await Promise.race([one.answer, two.answer]);
  here.connections.close();
  await once(idle, 'close');
  busy.write(ok);
  expect(await Promise.all([one.answer, two.answer])).toEqual(['200 OK hi', '200 OK hi']);
  await once(busy, 'close');
});
