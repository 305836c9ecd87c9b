import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, get, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../runner/processes/ports.ts';
import { bundledName, cliName, oursName, prepare, type Variant } from './parts/cold-start-variants.ts';
import { startBenchKafka } from './parts/kafka.ts';
import { goalOf, type Measured } from './parts/measured.ts';
import { barPlot } from './parts/plot.ts';
import { openRounds, type Rounds } from './parts/rounds.ts';
import { rounded } from './parts/stats.ts';

const root = join(import.meta.dirname, '../..');
const submission = JSON.stringify({ name: 'Asha', message: 'Hello' });

/** Cold start: from the start of the process to its first 202, in milliseconds. The variants take turns; medians. */
export async function measure({ runs = 15 }: { runs?: number } = {}): Promise<Measured> {
  const dir = await mkdtemp(join(tmpdir(), 'formbus-cold-start-'));
  const sink = await startSink();
  const kafka = await startBenchKafka(root, dir);
  try {
    const variants = await prepare(dir, { sink: `http://127.0.0.1:${portOf(sink)}`, kafka: kafka.url });
    const rounds = openRounds<number>();
    for (let run = 0; run <= runs; run += 1) {
      for (const variant of variants) {
        const ms = await coldStart(variant);
        // The first round fills the system's file cache and Node's compile cache.
        if (run > 0) rounds.add(variant.name, ms);
      }
      process.stderr.write(`round ${run} of ${runs}\n`);
    }
    return result(
      rounds,
      variants.map(({ name }) => name),
      runs,
    );
  } finally {
    sink.close();
    await kafka.close(0);
    await rm(dir, { recursive: true });
  }
}

function result(rounds: Rounds<number>, variants: string[], runs: number): Measured {
  const itself = (ms: number) => ms;
  const rows = variants.map((variant) => ({
    variant,
    'median ms': Math.round(rounds.median(variant, itself)),
    ratio: rounded(rounds.ratio(variant, cliName, itself)),
  }));
  const goals = [
    { to: cliName, most: 0.65 },
    { to: bundledName, most: 1 },
  ].map(({ to, most }) =>
    goalOf(`${oursName} ≤ ${most} × ${to}`, rounds.ratio(oursName, to, itself), (ratio) => ratio <= most),
  );
  const groups = rows.map(({ variant, 'median ms': ms }) => ({ label: variant, values: [ms] }));
  const title = 'Cold start';
  const unit = 'milliseconds from the start of the process to its first 202';
  const svg = barPlot({
    title,
    unit,
    series: [''],
    groups,
    stands: (label) => label.startsWith('demo-form'),
  });
  return {
    how: `medians of ${runs} rounds in which the variants take turns`,
    tables: [{ title, rows }],
    goals,
    plots: [{ file: 'cold-start.svg', svg }],
  };
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
  // Node writes the compile cache on a clean exit only.
  child.kill('SIGTERM');
  await exited;
  return ms;
}

/** The status; undefined, a millisecond later, while the port is closed. */
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

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}
