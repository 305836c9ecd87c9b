import { Worker } from 'node:worker_threads';

const GIVE_UP_MS = 10_000;

/**
 * Connects `count` clients to a server of this thread, which accepts none of them meanwhile: the thread is blocked.
 * @returns how many of them got a connection
 */
export function connectedWhileBusy(port: number, count: number): number {
  const connected = new Int32Array(new SharedArrayBuffer(4));
  const clients = new Worker(
    `const { connect } = require('node:net');
    const { port, count, connected } = require('node:worker_threads').workerData;
    const add = () => { Atomics.add(connected, 0, 1); Atomics.notify(connected, 0); };
    for (let n = 0; n < count; n += 1) connect({ port, host: '127.0.0.1' }, add).on('error', () => {});`,
    { eval: true, workerData: { port, count, connected } },
  );
  const until = performance.now() + GIVE_UP_MS;
  for (let so = 0; so < count && performance.now() < until; so = Atomics.load(connected, 0))
    Atomics.wait(connected, 0, so, until - performance.now());
  void clients.terminate();
  return Atomics.load(connected, 0);
}
