import { join } from 'node:path';
import { bodiesFor } from '../tools/load/body.ts';
import { temporaryFolder } from '../testing/formbus.ts';
import { busyText, submit, type Run } from './load/run.ts';
import { postsOf, type Load } from './load/users.ts';
import { pinCores, type Cores } from './parts/cores.ts';
import { measureInstances, type Instances } from './parts/instances.ts';
import { startBenchKafka } from './parts/kafka.ts';
import { goalOf, type Goal, type Measured } from './parts/measured.ts';
import { barPlot } from './parts/plot.ts';
import { openRounds, type Rounds } from './parts/rounds.ts';
import { startServer, type Server } from './parts/server.ts';
import { rounded } from './parts/stats.ts';
import { bundleAlike, bundleAsImage, formEnv } from './parts/variants.ts';

const root = join(import.meta.dirname, '../..');
const sources = join(import.meta.dirname, 'variants');
const names = {
  bare: 'bare node:http',
  framework: 'empty functions-framework',
  usual: 'the usual way',
  form: 'student-data-form',
};
type Name = keyof typeof names;
const order: Name[] = ['bare', 'framework', 'usual', 'form'];
const few = '64 connections';
const many = '1,000 connections';
const plan = '1,000 users × 5';
const loads: Record<string, Load> = {
  [few]: { users: 64, forMs: 4_000 },
  [many]: { users: 1_000, forMs: 4_000 },
  [plan]: { users: 1_000, requests: 5 },
};

/**
 * How many submissions a second are accepted by bare node:http and by functions-framework, which read the body and answer, by the
 * usual way, which validates and has a `producer.send` for each request, and by student-data-form as in the image. All are bundled
 * alike, and all answers have the same headers and length.
 */
export async function measure({ runs = 4 }: { runs?: number } = {}): Promise<Measured> {
  const folder = await temporaryFolder();
  const cores = pinCores();
  const kafka = await startBenchKafka(root, folder.path);
  const servers = await startServers(folder.path, kafka.url, cores);
  try {
    const schema: unknown = await (await fetch(new URL('schema.json', servers.form.url))).json();
    const body = bodiesFor(schema);
    const others = kafka.brokers.map((broker) => broker.pid());
    const submitTo = (name: Name, load: Load) =>
      submit(servers[name], { posts: postsOf(servers[name].url, body), load, others });
    const rounds = openRounds<Run>();
    for (const name of order) {
      await submitTo(name, { users: 64, forMs: 2_000 });
      await submitTo(name, { users: 1_000, requests: 5 });
    }
    for (let run = 1; run <= runs; run += 1) {
      for (const [title, load] of Object.entries(loads)) {
        for (const name of order) rounds.add(`${title} ${name}`, await submitTo(name, load));
      }
      process.stderr.write(`round ${run} of ${runs}\n`);
    }
    for (const name of order) await servers[name].stop();
    cores.release();
    const behind = await measureInstances({ folder: folder.path, kafka: kafka.url, body });
    return result(rounds, behind, cores);
  } finally {
    for (const name of order) await servers[name].stop();
    await kafka.close(0);
    await folder.remove();
  }
}

async function startServers(folder: string, kafka: string, cores: Cores): Promise<Record<Name, Server>> {
  const image = await bundleAsImage(join(folder, 'bundle'));
  const alike = join(folder, 'variants');
  const entryPoints = ['bare', 'framework', 'usual'].map((name) => [name, join(sources, `${name}.ts`)]);
  await bundleAlike(Object.fromEntries(entryPoints), alike);
  const env = formEnv(kafka);
  const start = (...args: string[]) => startServer(args, { cores, env });
  return {
    bare: await start(join(alike, 'bare.mjs')),
    framework: await start(join(alike, 'framework.mjs')),
    usual: await start(join(alike, 'usual.mjs')),
    form: await start(...image),
  };
}

const perSecond = (run: Run) => run.perSecond;
const mean = (run: Run) => run.latency.mean;
const errorsIn = (runs: Run[]) => runs.reduce((sum, run) => sum + run.requests - run.accepted, 0);

function result(rounds: Rounds<Run>, behind: Instances, { how }: Cores): Measured {
  const titles = Object.keys(loads);
  const tables = titles.map((title) => ({
    title,
    rows: order.map((name) => {
      const of = (figure: (run: Run) => number) => rounds.median(`${title} ${name}`, figure);
      return {
        variant: names[name],
        'requests/s': Math.round(of(perSecond)),
        ratio: rounded(rounds.ratio(`${title} ${name}`, `${title} framework`, perSecond)),
        'mean ms': rounded(of(mean)),
        'p50 ms': rounded(of((run) => run.latency.p50)),
        'p99 ms': rounded(of((run) => run.latency.p99)),
        'server µs each': Math.round(of((run) => run.serverUs)),
        'server busy %': Math.round(of((run) => run.busy.server)),
        'load+Kafka busy %': busyText(of((run) => run.busy.others)),
        errors: errorsIn(rounds.all(`${title} ${name}`)),
      };
    }),
  }));
  const plot = barPlot({
    title: 'Submissions accepted',
    unit: 'a second; one core for the server; the last two store each in Kafka, acks=all',
    series: [few, many],
    groups: order.map((name) => ({
      label: names[name],
      values: [few, many].map((title) => rounds.median(`${title} ${name}`, perSecond)),
    })),
  });
  const errors = titles.flatMap((title) => order.flatMap((name) => rounds.all(`${title} ${name}`)));
  return {
    how,
    tables: [...tables, ...behind.tables],
    goals: [...goals(rounds), ...behind.goals],
    errors: errorsIn(errors) + behind.errors,
    plots: [{ file: 'accept.svg', svg: plot }],
  };
}

function goals(rounds: Rounds<Run>): Goal[] {
  const faster = (to: Name, least: number) =>
    goalOf(
      `student-data-form ≥ ${least} × ${names[to]}, ${few}`,
      rounds.ratio(`${few} form`, `${few} ${to}`, perSecond),
      (ratio) => ratio >= least,
    );
  return [
    faster('usual', 7.5),
    faster('framework', 1.7),
    faster('bare', 0.35),
    goalOf(
      `mean ≤ 0.2 × the usual way, ${plan}`,
      rounds.ratio(`${plan} form`, `${plan} usual`, mean),
      (ratio) => ratio <= 0.2,
    ),
    goalOf(`no error, ${plan}`, errorsIn(rounds.all(`${plan} form`)), (errors) => errors === 0),
  ];
}
