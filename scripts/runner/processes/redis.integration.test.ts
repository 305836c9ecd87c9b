import { spawn } from 'node:child_process';
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis as Client } from 'ioredis';
import { expect, onTestFinished, test, vi } from 'vitest';
import { accepts } from './ports.ts';
import { startRedis } from './redis.ts';
import { isRunning, recordingLog, tempFolder } from '../serving/testing.ts';

async function start(dir: string) {
  const log = recordingLog();
  const redis = await startRedis({ dir, log });
  onTestFinished(() => redis.close());
  return { ...redis, log, port: Number(new URL(redis.url).port) };
}

/** Runs one command on a connection of its own. */
async function ask(url: string, command: string, ...args: string[]): Promise<unknown> {
  const client = new Client(url, { maxRetriesPerRequest: 0, retryStrategy: null });
  client.on('error', () => {});
  try {
    return await client.call(command, ...args);
  } finally {
    client.disconnect();
  }
}

test('every write is on disk before its answer, nothing is evicted, no client outside gets in', async () => {
  const { url } = await start(join(tempFolder(), 'redis'));
  const settings = ['appendonly', 'appendfsync', 'maxmemory-policy', 'save', 'bind', 'protected-mode'];
  const answers = await Promise.all(settings.map((name) => ask(url, 'CONFIG', 'GET', name)));
  expect(answers).toEqual([
    ['appendonly', 'yes'],
    ['appendfsync', 'always'],
    ['maxmemory-policy', 'noeviction'],
    ['save', ''],
    ['bind', '127.0.0.1'],
    ['protected-mode', 'yes'],
  ]);
});

test('data outlive a stop and a start', async () => {
  const dir = join(tempFolder(), 'redis');
  const first = await start(dir);
  await ask(first.url, 'SET', 'key', 'value');
  await first.close();
  expect(await accepts(first.port)).toBe(false);
  expect(isRunning(first.pid())).toBe(false);
  const second = await start(dir);
  expect(await ask(second.url, 'GET', 'key')).toBe('value');
});

test('a redis-server that is killed is started again on its port, with its data', async () => {
  const redis = await start(join(tempFolder(), 'redis'));
  await ask(redis.url, 'SET', 'key', 'value');
  const pid = redis.pid();
  process.kill(pid, 'SIGKILL');
  await vi.waitFor(() => expect(redis.pid()).not.toBe(pid));
  expect(await ask(redis.url, 'GET', 'key')).toBe('value');
  expect(redis.log.lines[0]).toMatch(
    /^error redis: redis-server was ended by SIGKILL; it is being restarted/,
  );
});

test('a redis-server that a dead runner left in the folder is shut down first, and its data taken over', async () => {
  const dir = realpathSync(tempFolder());
  const first = await start(dir);
  await first.close();
  const leftover = spawn(
    'redis-server',
    ['--port', String(first.port), '--bind', '127.0.0.1', '--dir', dir, '--appendonly', 'yes', '--save', ''],
    { stdio: 'ignore' },
  );
  onTestFinished(() => {
    leftover.kill('SIGKILL');
  });
  const ended = new Promise((resolve) => leftover.once('exit', resolve));
  await vi.waitFor(async () => expect(await ask(first.url, 'SET', 'key', 'left')).toBe('OK'), {
    timeout: 5_000,
  });
  writeFileSync(join(dir, 'port'), String(first.port));

  const second = await start(dir);
  await ended;
  expect(second.log.lines[0]).toContain('a redis-server of an earlier run still uses the data folder');
  expect(await ask(second.url, 'GET', 'key')).toBe('left');
});

test('a redis-server with another folder is left alone, even on the port that is noted', async () => {
  const other = await start(join(tempFolder(), 'other'));
  const dir = join(tempFolder(), 'redis');
  mkdirSync(dir);
  writeFileSync(join(dir, 'port'), String(other.port));
  const redis = await start(dir);
  expect(redis.port).not.toBe(other.port);
  expect(await ask(other.url, 'PING')).toBe('PONG');
});

test('a redis-server that does not come up is reported with its last words', async () => {
  const dir = join(tempFolder(), 'redis');
  mkdirSync(join(dir, 'appendonlydir'), { recursive: true });
  writeFileSync(join(dir, 'appendonlydir', 'appendonly.aof.manifest'), 'nonsense\n');
  await expect(start(dir)).rejects.toThrow(/^redis-server exited with code 1:\n[^]*manifest/);
});
