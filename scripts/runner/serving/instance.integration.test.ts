import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startInstance } from './instance.ts';
import { demoFunction, isRunning, launcher, openGate, recordingLog, tempFolder } from './testing.ts';

async function start(code: string, options: Parameters<typeof launcher>[1] = {}) {
  const instance = await launcher(code, options)({ name: 'demo' });
  onTestFinished(() => instance.stop(0));
  return { ...instance, get: (path: string) => fetch(`http://127.0.0.1:${instance.port}${path}`) };
}

test('an instance sees its Service, its own variables and little else', async () => {
  vi.stubEnv('NODE_EXTRA_CA_CERTS', '/etc/ssl/some.pem');
  vi.stubEnv('SOMETHING_PRIVATE', 'yes');
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const instance = await start(demoFunction, { env: { GREETING: 'hello' } });
  const { env }: { env: Record<string, string> } = await (await instance.get('/echo')).json();
  expect(env).toMatchObject({
    GREETING: 'hello',
    PORT: String(instance.port),
    HOST: '127.0.0.1',
    K_SERVICE: 'demo',
    K_CONFIGURATION: 'demo',
    K_REVISION: 'demo-00001',
  });
  expect(Object.keys(env).toSorted()).toEqual(
    [
      'GREETING',
      'HOME',
      'HOST',
      'K_CONFIGURATION',
      'K_REVISION',
      'K_SERVICE',
      'LANG',
      'PATH',
      'PORT',
    ].toSorted(),
  );
});

test('an instance that ends before it listens is reported with its last words', async () => {
  const failing = start(`console.error('K_SINK is missing'); process.exit(1);`);
  await expect(failing).rejects.toThrow(
    /demo exited with code 1 before it listened on its PORT:\nK_SINK is missing/,
  );
});

test('an instance that never listens is ended and reported', async () => {
  const folder = tempFolder();
  writeFileSync(join(folder, 'demo.mjs'), `console.error(process.pid); setInterval(() => {}, 1000);`);
  let pid = 0;
  const failing = startInstance({
    name: 'demo',
    command: process.execPath,
    args: ['demo.mjs'],
    cwd: folder,
    env: {},
    startTimeoutMs: 2_000,
    onLine: (line) => (pid = Number(line)),
  });
  await expect(failing).rejects.toThrow('demo did not listen on its PORT within 2000 ms');
  expect(pid).toBeGreaterThan(0);
  expect(isRunning(pid)).toBe(false);
});

test('a port that was taken in the meantime is replaced by another', async () => {
  const tried = join(tempFolder(), 'tried');
  const instance = await start(
    `
    import { appendFileSync, existsSync } from 'node:fs';
    const first = !existsSync(process.env.TRIED);
    appendFileSync(process.env.TRIED, process.env.PORT + '\\n');
    if (first) throw new Error('listen EADDRINUSE: address already in use');
    ${demoFunction}
  `,
    { env: { TRIED: tried } },
  );
  const ports = readFileSync(tried, 'utf8').trim().split('\n');
  expect(ports).toHaveLength(2);
  expect(ports[1]).toBe(String(instance.port));
});

test('stop lets an instance finish what it has begun', async () => {
  const gate = await openGate();
  const instance = await start(demoFunction, { env: { GATE: gate.url } });
  const held = instance.get('/hold');
  await vi.waitFor(() => expect(gate.count()).toBe(1));
  const stopped = instance.stop();
  gate.open();
  expect((await held).status).toBe(200);
  await stopped;
  expect(await instance.exited).toBe('exited with code 0');
});

test('stop ends an instance that does not end by itself, and what it started', async () => {
  const file = join(tempFolder(), 'grandchild');
  const instance = await start(
    `
    import { spawn } from 'node:child_process';
    import { writeFileSync } from 'node:fs';
    writeFileSync(process.env.FILE, String(spawn('sleep', ['60']).pid));
    process.on('SIGTERM', () => {});
    ${demoFunction.replaceAll("process.once('SIGTERM'", "process.once('SIGUSR2'")}
  `,
    { env: { FILE: file } },
  );
  await instance.stop(100);
  expect(await instance.exited).toBe('was ended by SIGKILL');
  const grandchild = Number(readFileSync(file, 'utf8'));
  await vi.waitFor(() => expect(isRunning(grandchild)).toBe(false));
});

test('lines of an instance reach the log with its name, JSON lines as fields', async () => {
  const log = recordingLog();
  await start(
    `
    console.log(JSON.stringify({ level: 'warn', time: 'now', service: 'demo', id: '42', msg: 'seen' }));
    console.log('just text');
    ${demoFunction}
  `,
    { log },
  );
  await vi.waitFor(() =>
    expect(log.lines).toEqual(['warn demo: seen {"id":"42"}', 'info demo: just text {}']),
  );
});

test.runIf(process.platform === 'linux' && existsSync('/usr/bin/setpriv'))(
  'an instance dies with a runner that is killed by SIGKILL',
  async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, 'demo.mjs'), demoFunction);
    const module = join(import.meta.dirname, 'instance.ts');
    const runner = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `const { startInstance } = await import(${JSON.stringify(module)});
         const { pid } = await startInstance({ name: 'demo', command: process.execPath, args: ['demo.mjs'], cwd: ${JSON.stringify(folder)}, env: {} });
         console.log(pid); setInterval(() => {}, 1000);`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const pid = Number(
      await new Promise((resolve) => runner.stdout.once('data', (line) => resolve(String(line)))),
    );
    expect(isRunning(pid)).toBe(true);
    runner.kill('SIGKILL');
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false));
  },
);
