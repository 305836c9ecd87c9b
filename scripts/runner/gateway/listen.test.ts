import { createServer } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { connectedWhileBusy } from '../../../functions/lib/serve/testing.ts';
import { listen } from './listen.ts';

async function open(port = 0) {
  const server = createServer((_, res) => res.end('hi'));
  const listening = await listen(server, { port, host: '127.0.0.1' });
  onTestFinished(async () => {
    const closed = listening.close();
    server.closeAllConnections();
    await closed;
  });
  return { server, ...listening };
}

test.runIf(process.platform === 'linux')(
  'clients that came while the server was busy have their connections within a few turns of the event loop',
  async () => {
    const { server, port } = await open();
    let accepted = 0;
    server.on('connection', () => (accepted += 1));
    expect(connectedWhileBusy(port, 160)).toBe(160);
    for (let turns = 0; turns < 40; turns += 1) await turn();
    expect(accepted).toBe(160);
  },
);

test('every connection is answered, whichever socket it came to', async () => {
  const { port } = await open();
  const ask = () => fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } });
  const answers = await Promise.all(Array.from({ length: 64 }, async () => (await ask()).text()));
  expect(answers).toEqual(Array(64).fill('hi'));
});

test('a port is not shared with another server', async () => {
  const { port } = await open();
  await expect(open(port)).rejects.toThrow('EADDRINUSE');
});

test('a port that was closed is free', async () => {
  const { port, close, server } = await open();
  const stopped = close();
  server.closeAllConnections();
  await stopped;
  expect((await open(port)).port).toBe(port);
});
