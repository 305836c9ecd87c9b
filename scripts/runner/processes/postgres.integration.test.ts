import { chmodSync } from 'node:fs';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startChild } from './child.ts';
import { accepts } from './ports.ts';
import { stateOf } from './postgres-ready.ts';
import { startPostgres } from './postgres.ts';
import { isRunning, recordingLog, tempFolder } from '../serving/testing.ts';

async function start(dir: string) {
  const log = recordingLog();
  const postgres = await startPostgres({ dir, log });
  onTestFinished(() => postgres.close());
  return { ...postgres, log, port: Number(new URL(postgres.url).port) };
}

/** Runs one statement on a connection of its own; the first row. */
async function ask(url: string, sql: string): Promise<Record<string, unknown> | undefined> {
  const client = new Client(url);
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows[0];
  } finally {
    await client.end().catch(() => {});
  }
}

test('what is committed is on disk, and no client gets in from outside or without the password', async () => {
  const { url, port } = await start(join(tempFolder(), 'postgres'));
  const settings = ['fsync', 'synchronous_commit', 'listen_addresses', 'unix_socket_directories'];
  const values = await Promise.all(settings.map((name) => ask(url, `SHOW ${name}`)));
  expect(values.map((row) => Object.values(row ?? {})[0])).toEqual(['on', 'on', '127.0.0.1', '']);
  await expect(ask(`postgres://formbus:wrong@127.0.0.1:${port}/postgres`, 'SELECT 1')).rejects.toThrow(
    'password authentication failed',
  );
});

test('data outlive a stop and a start, also in a folder that is its owner’s alone', async () => {
  const folder = tempFolder();
  chmodSync(folder, 0o700);
  const dir = join(folder, 'postgres');
  const first = await start(dir);
  await ask(first.url, 'CREATE TABLE t AS SELECT 42 AS n');
  const waiting = new Client(first.url);
  waiting.on('error', () => {});
  await waiting.connect();
  await first.close();
  expect(await accepts(first.port)).toBe(false);
  expect(isRunning(first.pid())).toBe(false);
  const second = await start(dir);
  expect(await ask(second.url, 'SELECT n FROM t')).toEqual({ n: 42 });
});

test('a postgres that is killed is started again on its port, with its data', async () => {
  const postgres = await start(join(tempFolder(), 'postgres'));
  await ask(postgres.url, 'CREATE TABLE t AS SELECT 42 AS n');
  const pid = postgres.pid();
  process.kill(pid, 'SIGKILL');
  await vi.waitFor(async () => expect(await ask(postgres.url, 'SELECT n FROM t')).toEqual({ n: 42 }), {
    timeout: 10_000,
  });
  await vi.waitFor(() => expect(postgres.pid()).not.toBe(pid));
  expect(postgres.log.lines[0]).toMatch(
    /^error postgres: postgres was ended by SIGKILL; it is being restarted/,
  );
});

test('it starts after a power cut, though another process has the number of the one before', async () => {
  const dir = join(tempFolder(), 'postgres');
  const first = await start(dir);
  const lock = await readFile(join(dir, 'data', 'postmaster.pid'), 'utf8');
  await first.close();
  const other = await startChild({
    command: 'sleep',
    args: ['600'],
    cwd: dir,
    env: { PATH: '/usr/bin:/bin' },
  });
  onTestFinished(() => other.stop(0));
  await writeFile(join(dir, 'data', 'postmaster.pid'), lock.replace(/^\d+/, String(other.pid)));
  const second = await start(dir);
  expect(await ask(second.url, 'SELECT 1 AS n')).toEqual({ n: 1 });
});

test('it does not outlive a process that is killed, and the next one starts at once on its data', async () => {
  // Not tempFolder: the data is removed after the postgres is gone.
  const dir = await mkdtemp(join(tmpdir(), 'formbus-'));
  const code = `
    import { startPostgres } from ${JSON.stringify(join(import.meta.dirname, 'postgres.ts'))};
    const log = { info() {}, warn() {}, error() {} };
    console.log('pid ' + (await startPostgres({ dir: ${JSON.stringify(dir)}, log })).pid());
  `;
  const started = Promise.withResolvers<number>();
  const child = await startChild({
    command: process.execPath,
    args: ['--input-type=module', '-e', code],
    cwd: import.meta.dirname,
    env: { PATH: process.env['PATH'] ?? '' },
    onLine: (line) => started.resolve(Number(line.replace('pid ', ''))),
  });
  const pid = await started.promise;
  expect(isRunning(pid)).toBe(true);
  process.kill(child.pid, 'SIGKILL');
  const { url, close } = await start(dir);
  expect(isRunning(pid)).toBe(false);
  expect(await ask(url, 'SELECT 1 AS n')).toEqual({ n: 1 });
  await close();
  await rm(dir, { recursive: true, force: true });
});

test('a postgres that recovers is waited for until it takes connections', async () => {
  const dir = join(tempFolder(), 'postgres');
  const first = await start(dir);
  await ask(first.url, 'CREATE TABLE t AS SELECT 42 AS n');
  await first.close();
  // A standby is in recovery for as long as nobody promotes it.
  const data = join(dir, 'data');
  await writeFile(join(data, 'standby.signal'), '');
  await appendFile(join(data, 'postgresql.auto.conf'), 'hot_standby = off\n');
  const starting = startPostgres({ dir, log: recordingLog() });
  onTestFinished(async () => (await starting).close());
  const lock = async () => (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n');
  await vi.waitFor(async () => {
    const [, , , port] = await lock();
    expect(await stateOf(first.url.replace(`:${first.port}/`, `:${port}/`))).toBe('recovering');
  });
  await writeFile(join(data, 'promote'), '');
  process.kill(Number((await lock())[0]), 'SIGUSR1');
  expect(await ask((await starting).url, 'SELECT n FROM t')).toEqual({ n: 42 });
});

test('a postgres that does not come up is reported with its last words', async () => {
  const dir = join(tempFolder(), 'postgres');
  const first = await start(dir);
  await first.close();
  await rm(join(dir, 'data', 'PG_VERSION'));
  await expect(start(dir)).rejects.toThrow(/^postgres exited with code 1:\n[^]*PG_VERSION/);
});
