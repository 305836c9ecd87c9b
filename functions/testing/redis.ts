import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { vi } from 'vitest';

export interface TestRedis {
  url: string;
  port: number;
  pid: number;
  /** A connection through which a test inspects the data. */
  look: Redis;
  kill(signal: NodeJS.Signals): void;
  /** Starts it again on its port and its data, after a kill. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

/** A real redis-server with its data in a temporary folder. `args`: more of its options. */
export async function startTestRedis(...args: string[]): Promise<TestRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'formbus-redis-'));
  const port = await freePort();
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', ''];
  settings.push('--appendonly', 'yes', '--appendfsync', 'always', '--repl-diskless-sync-delay', '0', ...args);
  const start = () => spawn('redis-server', settings, { stdio: 'ignore' });
  let child = start();
  const look = new Redis(port, '127.0.0.1', { retryStrategy: () => 20, maxRetriesPerRequest: null });
  look.on('error', () => {});
  await look.ping();
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid ?? 0;
    },
    look,
    kill: (signal) => void child.kill(signal),
    async restart() {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      child = start();
      await look.ping();
    },
    async close() {
      look.disconnect();
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Waits until `count` replicas follow. */
export async function replicasFollow(redis: TestRedis, count: number): Promise<void> {
  await vi.waitFor(
    async () => {
      const info = await redis.look.info('replication');
      const online = info.match(/state=online/g)?.length ?? 0;
      if (online < count) throw new Error(`${online} replicas`);
    },
    { timeout: 20_000, interval: 20 },
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}
