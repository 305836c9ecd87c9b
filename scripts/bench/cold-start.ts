import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, get, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../runner/processes/ports.ts';
import { bundledName, cliName, oursName, prepare, type Variant } from './parts/cold-start-variants.ts';
import { startBenchKafka } from './parts/kafka.ts';
import type { Measured } from './parts/measured.ts';
import { barPlot } from './parts/plot.ts';
import { median, rounded } from './parts/stats.ts';

const root = join(import.meta.dirname, '../..');
const submission = JSON.stringify({ name: 'Asha', message: 'Hello' });

/** Cold start: from the start of the process to its first 202, in milliseconds. The variants take turns; medians. */
export async function measure({ runs = 15 }: { runs?: number } = {}): Promise<Measured> {
  const dir = await mkdtemp(join(tmpdir(), 'formbus-cold-start-'));
  const sink = await startSink();
  const kafka = await startBenchKafka(root, dir);
  try {
    const variants = await prepare(dir, { sink: `http://127.0.0.1:${portOf(sink)}`, kafka: kafka.url });
    const times = new Map<string, number[]>(variants.map(({ name }) => [name, []]));
    for (let run = 0; run <= runs; run += 1) {
      for (const variant of variants) {
        const ms = await coldStart(variant);
        // The first round fills the system's file cache and Node's compile cache.
        if (run > 0) times.get(variant.name)?.push(ms);
      }
      process.stderr.write(`round ${run} of ${runs}\n`);
    }
    return result(times, runs);
  } finally {
    sink.close();
    await kafka.close(0);
    await rm(dir, { recursive: true });
  }
}

function result(times: Map<string, number[]>, runs: number): Measured {
  const of = (name: string) => times.get(name) ?? [];
  /** The ratio within each round, then the median, because other work on the machine slows both down. */
  const ratio = (name: string, to: string) => median(of(name).map((ms, i) => ms / (of(to)[i] ?? Number.NaN)));
  const rows = [...times.keys()].map((variant) => ({
    variant,
    'median ms': Math.round(median(of(variant))),
    ratio: rounded(ratio(variant, cliName)),
  }));
  const goals = [
    { goal: `${oursName} ≤ 1.0 × ${cliName}`, ratio: ratio(oursName, cliName), most: 1 },
    { goal: `${oursName} ≤ 1.3 × ${bundledName}`, ratio: ratio(oursName, bundledName), most: 1.3 },
  ];
  const groups = rows.map(({ variant, 'median ms': ms }) => ({ label: variant, values: [ms] }));
  const title = 'Cold start';
  const unit = 'milliseconds from the start of the process to its first 202';
  return {
    how: `medians of ${runs} rounds in which the variants take turns`,
    tables: [{ title, rows }],
    goals: goals.map(({ goal, ratio, most }) => ({
      goal,
      measured: String(rounded(ratio)),
      isReached: ratio <= most,
    })),
    plots: [
      {
        file: 'cold-start.svg',
        svg: barPlot({ title, unit, series: [''], groups, stands: (label) => label.startsWith('demo-form') }),
      },
    ],
  };
}

async function coldStart({ command, env, cwd, before }: Variant): Promise<number> {
  await before?.();
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
