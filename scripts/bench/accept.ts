import { join } from 'node:path';
import { bundleFunctions } from '../build/bundle.ts';
import { bodiesFor } from '../tools/load/body.ts';
import { runUsers } from '../tools/load/drive.ts';
import { openTally, type LoadReport } from '../tools/load/tally.ts';
import { temporaryFolder } from '../testing/formbus.ts';
import { pinCores, type Cores } from './parts/cores.ts';
import { measureInstances } from './parts/instances.ts';
import { startBenchKafka } from './parts/kafka.ts';
import type { Goal, Measured, Table } from './parts/measured.ts';
import { barPlot } from './parts/plot.ts';
import { startServer, type Server } from './parts/server.ts';
import { median, rounded } from './parts/stats.ts';
import { cpuMsOf } from './parts/system.ts';

const root = join(import.meta.dirname, '../..');
const variants = join(import.meta.dirname, 'variants');
const names = { a: 'bare node:http', b: 'functions-framework', c: 'one send each', d: 'our form' };
type Name = keyof typeof names;
const order: Name[] = ['a', 'b', 'c', 'd'];
const seconds = 4;

interface Run extends LoadReport {
  cpuUs: number;
}

/**
 * How many submissions a second are accepted: (a) bare node:http and (b) functions-framework that read the body and answer 202,
 * (c) functions-framework with a `producer.send` for each request, the usual way, and (d) student-data-form as in the image.
 */
export async function measure({ runs = 4 }: { runs?: number } = {}): Promise<Measured> {
  const folder = await temporaryFolder();
  const cores = pinCores();
  const kafka = await startBenchKafka(root, folder.path);
  const servers = await startServers(folder.path, kafka.url, cores);
  try {
    const schema: unknown = await (await fetch(new URL('schema.json', servers.d.url))).json();
    const body = bodiesFor(schema);
    const loads = {
      '64 connections': { users: 64, forMs: seconds * 1_000 },
      '1,000 connections': { users: 1_000, forMs: seconds * 1_000 },
      '1,000 users × 5': { users: 1_000, requests: 5 },
    };
    const found = new Map<string, Run[]>();
    for (const name of order) await submit(servers[name], body, { users: 64, forMs: 2_000 });
    for (let run = 1; run <= runs; run += 1) {
      for (const [load, how] of Object.entries(loads)) {
        for (const name of order) {
          const key = `${load} ${name}`;
          found.set(key, [...(found.get(key) ?? []), await submit(servers[name], body, how)]);
        }
      }
      process.stderr.write(`round ${run} of ${runs}\n`);
    }
    for (const name of order) await servers[name].stop();
    cores.release();
    const behind = await measureInstances({ folder: folder.path, kafka: kafka.url, body });
    return result(found, Object.keys(loads), behind, cores);
  } finally {
    for (const name of order) await servers[name].stop();
    await kafka.close(0);
    await folder.remove();
  }
}

async function startServers(folder: string, kafka: string, cores: Cores): Promise<Record<Name, Server>> {
  const bundle = await bundleFunctions({ root, outDir: join(folder, 'bundle') });
  const env = {
    KAFKA_BROKERS: kafka,
    KAFKA_TOPIC: 'form-submissions',
    FUNCTION_TARGET: 'student-data-form',
    SPREADSHEET_ID: 'spreadsheet-1',
    IDEMPOTENCY_SECRET: 'only for this benchmark',
  };
  return {
    a: await startServer(join(variants, 'bare.ts'), { cores }),
    b: await startServer(join(variants, 'framework.ts'), { cores }),
    // kafkajs sets timers with a negative time, and Node warns about them.
    c: await startServer(join(variants, 'usual.ts'), { cores, env: { ...env, NODE_NO_WARNINGS: '1' } }),
    d: await startServer(join(bundle, 'main.mjs'), { cores, env }),
  };
}

async function submit(
  { url, pid }: Server,
  body: (n: number) => string,
  how: { users: number; forMs?: number; requests?: number },
): Promise<Run> {
  const tally = openTally({ keepIds: false });
  const cpu = cpuMsOf(pid);
  const begin = performance.now();
  await runUsers({ url, body, record: tally.record, ...how });
  const report = tally.report((performance.now() - begin) / 1_000);
  return { ...report, cpuUs: ((cpuMsOf(pid) - cpu) * 1_000) / report.requests };
}

function result(found: Map<string, Run[]>, loads: string[], behind: Table, { how }: Cores): Measured {
  const of = (load: string, name: Name, figure: (run: Run) => number) =>
    median((found.get(`${load} ${name}`) ?? []).map(figure));
  /** The ratio within each round, then the median, because other work on the machine slows both down. */
  const ratio = (load: string, name: Name, to: Name, figure: (run: Run) => number) => {
    const others = found.get(`${load} ${to}`) ?? [];
    return median(
      (found.get(`${load} ${name}`) ?? []).map((run, i) => figure(run) / figure(others[i] ?? run)),
    );
  };
  const perSecond = (run: Run) => run.perSecond;
  const mean = (run: Run) => run.latency.mean;
  const tables = loads.map((load) => ({
    title: load,
    rows: order.map((name) => ({
      variant: names[name],
      'requests/s': Math.round(of(load, name, perSecond)),
      ratio: rounded(ratio(load, name, 'b', perSecond)),
      'mean ms': rounded(of(load, name, mean)),
      'p50 ms': rounded(of(load, name, (run) => run.latency.p50)),
      'p99 ms': rounded(of(load, name, (run) => run.latency.p99)),
      'server µs/request': Math.round(of(load, name, (run) => run.cpuUs)),
      errors: (found.get(`${load} ${name}`) ?? []).reduce((sum, run) => sum + run.requests - run.accepted, 0),
    })),
  }));
  const [few = '', , plan = ''] = loads;
  const goals: Goal[] = [
    goalOf(`our form ≥ 6 × one send each, ${few}`, ratio(few, 'd', 'c', perSecond), (x) => x >= 6),
    goalOf(`our form ≥ 1.2 × functions-framework, ${few}`, ratio(few, 'd', 'b', perSecond), (x) => x >= 1.2),
    goalOf(`mean ≤ 1/5 of one send each, ${plan}`, ratio(plan, 'd', 'c', mean), (x) => x <= 0.2),
    goalOf(
      `no error, ${plan}`,
      (found.get(`${plan} d`) ?? []).reduce((sum, run) => sum + run.requests - run.accepted, 0),
      (x) => x === 0,
    ),
  ];
  const plot = barPlot({
    title: 'Submissions accepted',
    unit: 'a second; one core for the server; the last two store each in Kafka, acks=all',
    series: loads.slice(0, 2),
    groups: order.map((name) => ({
      label: names[name],
      values: loads.slice(0, 2).map((load) => of(load, name, perSecond)),
    })),
  });
  return { how, tables: [...tables, behind], goals, plots: [{ file: 'accept.svg', svg: plot }] };
}

function goalOf(goal: string, value: number, isReached: (value: number) => boolean): Goal {
  return { goal, measured: String(rounded(value)), isReached: isReached(value) };
}
