import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { howToInstall } from '../runner/processes/packages.ts';
import { startFormbus, temporaryFolder } from '../testing/formbus.ts';
import type { LoadReport } from '../tools/load/tally.ts';
import { openJMeter, type JMeter } from './jmeter/run.ts';
import { pinCores } from './parts/cores.ts';
import { startBenchKafka } from './parts/kafka.ts';
import { goalOf, type Measured } from './parts/measured.ts';
import { openRounds, type Rounds } from './parts/rounds.ts';
import { startServer } from './parts/server.ts';
import { rounded } from './parts/stats.ts';
import { listenQueueOf } from './parts/system.ts';
import { bundleAlike, bundleAsImage, formEnv } from './parts/variants.ts';

const root = join(import.meta.dirname, '../..');
const names = ['the usual way', 'student-data-form', 'student-data-form through npm start'] as const;
const [usual, form, started] = names;

interface Run extends LoadReport {
  /** The machine's, meanwhile. */
  overflows: number;
  drops: number;
}

/** JMeter's own plan, 1,000 users within a second × 5, against the usual way, the form, and `npm start` with all its tasks. */
export async function measure({ runs = 3 }: { runs?: number } = {}): Promise<Measured> {
  const missing = howToInstall(['java', 'mvn']);
  if (missing !== undefined) return { how: `skipped: ${missing}`, tables: [], goals: [], plots: [] };
  const folder = await temporaryFolder();
  const cores = pinCores();
  const kafka = await startBenchKafka(root, folder.path);
  const rounds = openRounds<Run>();
  try {
    const jmeter = await openJMeter(folder.path);
    const image = await bundleAsImage(join(folder.path, 'bundle'));
    const variants = join(folder.path, 'variants');
    await bundleAlike({ usual: join(import.meta.dirname, 'variants/usual.ts') }, variants);
    const env = formEnv(kafka.url);
    const servers = [
      { name: usual, server: await startServer([join(variants, 'usual.mjs')], { cores, env }) },
      { name: form, server: await startServer(image, { cores, env }) },
    ];
    await inTurns(jmeter, {
      runs,
      rounds,
      servers: servers.map(({ name, server }) => ({ name, ...server })),
    });
    for (const { server } of servers) await server.stop();

    cores.release();
    const data = join(folder.path, 'data');
    mkdirSync(data);
    const formbus = await startFormbus(data, { env: { KAFKA_BROKERS: kafka.url } });
    const url = new URL('/student-data-form/', formbus.url);
    await inTurns(jmeter, { runs, rounds, servers: [{ name: started, url }] });
    await formbus.end('SIGTERM');
    return result(rounds, `${cores.how}; npm start, load and Kafka share all cores`);
  } finally {
    await kafka.close(0);
    await folder.remove();
  }
}

interface Turns {
  runs: number;
  rounds: Rounds<Run>;
  servers: { name: string; url: URL }[];
}

async function inTurns(jmeter: JMeter, { runs, rounds, servers }: Turns): Promise<void> {
  // The first round is for warming up.
  for (let run = 0; run <= runs; run += 1) {
    for (const { name, url } of servers) {
      const before = listenQueueOf();
      const report = await jmeter.run(url);
      const after = listenQueueOf();
      const overflows = after.ListenOverflows - before.ListenOverflows;
      const drops = after.ListenDrops - before.ListenDrops;
      if (run > 0) rounds.add(name, { ...report, overflows, drops });
    }
    process.stderr.write(`round ${run} of ${runs}: ${servers.map(({ name }) => name).join(', ')}\n`);
  }
}

function result(rounds: Rounds<Run>, how: string): Measured {
  const rows = names.map((variant) => {
    const of = (figure: (run: Run) => number) => rounds.median(variant, figure);
    return {
      variant,
      'requests/s': Math.round(of((run) => run.perSecond)),
      'mean ms': rounded(of((run) => run.latency.mean)),
      'p50 ms': rounded(of((run) => run.latency.p50)),
      'p95 ms': rounded(of((run) => run.latency.p95)),
      'p99 ms': rounded(of((run) => run.latency.p99)),
      overflows: of((run) => run.overflows),
      drops: of((run) => run.drops),
      errors: errorsText(rounds.all(variant)),
    };
  });
  const refused = (name: string) =>
    rounds.all(name).reduce((sum, { requests, accepted }) => sum + requests - accepted, 0);
  const spread = rounds.median(started, ({ latency }) => latency.p99 / latency.p50);
  const mean = rounds.ratio(form, usual, ({ latency }) => latency.mean);
  return {
    how,
    tables: [{ title: "JMeter's plan, 1,000 users × 5", rows }],
    goals: [
      goalOf(`mean of ${form} ≤ 0.2 × ${usual}`, mean, (ratio) => ratio <= 0.2),
      goalOf(`no error, ${form}`, refused(form), (errors) => errors === 0),
      goalOf(`no error, ${started}`, refused(started), (errors) => errors === 0),
      goalOf(`p99 ≤ 3 × p50, ${started}`, spread, (ratio) => ratio <= 3),
    ],
    errors: names.reduce((sum, name) => sum + refused(name), 0),
    plots: [],
  };
}

/** By kind, of all rounds. */
function errorsText(runs: LoadReport[]): string {
  const sums = new Map<string, number>();
  for (const [kind, count] of runs.flatMap(({ errors }) => Object.entries(errors)))
    sums.set(kind, (sums.get(kind) ?? 0) + count);
  return [...sums].map(([kind, count]) => `${count} × ${kind}`).join(', ') || 'none';
}
