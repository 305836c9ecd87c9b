import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, get, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { Measured } from '../bench.ts';
import { bundleFunctions } from '../bundle.ts';

const root = join(import.meta.dirname, '../..');
const submission = JSON.stringify({ name: 'Asha', message: 'Hello' });

interface Variant {
  name: string;
  command: string[];
  env?: Record<string, string>;
  cwd?: string;
}

/** Cold start: from the start of the process to its first 202, in milliseconds. The variants take turns; medians. */
export async function measure({ runs }: { runs: number }): Promise<Measured[]> {
  const dir = await mkdtemp(join(tmpdir(), 'formbus-cold-start-'));
  const sink = await startSink();
  try {
    const variants = await prepare(dir, `http://127.0.0.1:${portOf(sink)}`);
    const times = new Map<string, number[]>(variants.map(({ name }) => [name, []]));
    for (let run = 0; run <= runs; run += 1) {
      for (const variant of variants) {
        const ms = await coldStart(variant);
        // The first round fills the system's file cache and Node's compile cache.
        if (run > 0) times.get(variant.name)?.push(ms);
      }
      process.stderr.write(`\rround ${run} of ${runs}`);
    }
    process.stderr.write('\n');
    const medians = variants.map(({ name }) => ({ variant: name, ms: median(times.get(name) ?? []) }));
    const base = medians.find(({ variant }) => variant === 'empty functions-framework, its CLI')?.ms ?? 1;
    return medians.map(({ variant, ms }) => ({
      variant,
      'median ms': Math.round(ms),
      ratio: Number((ms / base).toFixed(2)),
    }));
  } finally {
    sink.close();
    await rm(dir, { recursive: true });
  }
}

async function prepare(dir: string, sink: string): Promise<Variant[]> {
  const bundle = await bundleFunctions({ root, outDir: join(dir, 'bundle') });
  await symlink(join(root, 'node_modules'), join(dir, 'node_modules'));
  const empty = join(dir, 'empty');
  await mkdir(empty);
  await writeFile(join(empty, 'package.json'), '{"main":"index.cjs"}');
  await writeFile(
    join(empty, 'index.cjs'),
    "require('@google-cloud/functions-framework').http('empty', (req, res) => res.status(202).end());",
  );
  await writeFile(
    join(empty, 'main.cjs'),
    "require('./index.cjs'); require('@google-cloud/functions-framework/testing').getTestServer('empty').listen(Number(process.env.PORT), '127.0.0.1');",
  );
  await writeFile(
    join(dir, 'bare.mjs'),
    "import { createServer } from 'node:http'; createServer((req, res) => { req.resume().on('end', () => res.writeHead(202).end()); }).listen(Number(process.env.PORT), '127.0.0.1');",
  );
  const bundled = join(dir, 'empty-bundle.cjs');
  await build({
    entryPoints: [join(empty, 'main.cjs')],
    outfile: bundled,
    bundle: true,
    platform: 'node',
    logLevel: 'silent',
  });

  const env = {
    FUNCTION_TARGET: 'demo-form',
    HOST: '127.0.0.1',
    K_SINK: sink,
    SPREADSHEET_ID: 'spreadsheet-1',
    IDEMPOTENCY_SECRET: 'only for this benchmark',
    LOG_LEVEL: 'warn',
  };
  const cache = (name: string) => ({ NODE_COMPILE_CACHE: join(dir, name) });
  const cli = join(root, 'node_modules/@google-cloud/functions-framework/build/src/main.js');
  return [
    { name: 'empty functions-framework, its CLI', command: [cli, '--target=empty'], cwd: empty },
    { name: 'empty functions-framework, own main', command: [join(empty, 'main.cjs')] },
    { name: 'empty functions-framework, bundled', command: [bundled] },
    {
      name: 'empty functions-framework, bundled, compile cache',
      command: [bundled],
      env: cache('cache-empty'),
    },
    { name: 'empty node:http', command: [join(dir, 'bare.mjs')] },
    { name: 'demo-form, source', command: [join(root, 'functions/main.ts')], env },
    { name: 'demo-form, bundled', command: [join(bundle, 'main.mjs')], env },
    {
      name: 'demo-form, bundled, compile cache',
      command: [join(bundle, 'main.mjs')],
      env: { ...env, ...cache('cache') },
    },
  ];
}

async function coldStart({ command, env, cwd }: Variant): Promise<number> {
  const port = await freePort();
  const begin = performance.now();
  const child = spawn(process.execPath, command, {
    env: { PATH: process.env['PATH'], PORT: String(port), ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
    ...(cwd ? { cwd } : {}),
  });
  const exited = once(child, 'exit');
  while ((await post(port)) !== 202) {
    if (child.exitCode !== null) throw new Error(`${command.join(' ')} exited with ${child.exitCode}`);
  }
  const ms = performance.now() - begin;
  // A clean exit is what writes the compile cache.
  child.kill('SIGTERM');
  await exited;
  return ms;
}

/** The status, or undefined when nobody listens yet; then a millisecond later. */
function post(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const req = request({
      host: '127.0.0.1',
      port,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    req.on('response', (res) => resolve(res.resume().statusCode));
    req.on('error', () => setTimeout(resolve, 1, undefined));
    req.end(submission);
  });
}

async function startSink(): Promise<Server> {
  const server = createServer((req, res) => void req.resume().on('end', () => res.writeHead(202).end()));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  await once(get({ host: '127.0.0.1', port: portOf(server) }), 'response');
  return server;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const port = portOf(server);
  await once(server.close(), 'close');
  return port;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
