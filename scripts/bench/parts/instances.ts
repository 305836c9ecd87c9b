import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openTally, type LoadReport } from '../../tools/load/tally.ts';
import { startFormbus, type StartedFormbus } from '../../testing/formbus.ts';
import { postsOf, runUsers, type Load } from '../load/users.ts';
import { goalOf, type Measured } from './measured.ts';
import { copyProject } from './project.ts';
import { openRounds, type Rounds } from './rounds.ts';
import { rounded } from './stats.ts';

export type Instances = Pick<Measured, 'tables' | 'goals'> & { errors: number };

const counts = [1, 5];
const plan = '1,000 users × 5';
const loads: Record<string, Load> = {
  '64 connections': { users: 64, forMs: 3_000 },
  [plan]: { users: 1_000, requests: 5 },
};

interface Options {
  folder: string;
  kafka: string;
  body: (n: number) => string;
}

/** The form behind the gateway of `npm start` with 1 and with 5 instances. Events stay in Kafka: no KafkaSource takes CPU away. */
export async function measureInstances({ folder, kafka, body }: Options): Promise<Instances> {
  const started: { count: number; formbus: StartedFormbus; url: URL; posts: string[] }[] = [];
  try {
    for (const count of counts) {
      const formbus = await start(count, { folder, kafka });
      const url = new URL('/student-data-form/', formbus.url);
      started.push({ count, formbus, url, posts: postsOf(url, body) });
    }
    const rounds = openRounds<LoadReport>();
    for (let run = 0; run <= 3; run += 1) {
      for (const [title, load] of Object.entries(loads)) {
        for (const { count, url, posts } of started) {
          const tally = openTally({ keepIds: true });
          const begin = performance.now();
          await runUsers({ url, posts, record: tally.record, ...load });
          const report = tally.report((performance.now() - begin) / 1_000);
          // The first round is for warming up.
          if (run > 0) rounds.add(`${title} ${count}`, report);
        }
      }
    }
    return result(rounds);
  } finally {
    for (const { formbus } of started) await formbus.end('SIGTERM');
  }
}

async function start(count: number, { folder, kafka }: { folder: string; kafka: string }) {
  const project = copyProject(join(folder, `project-${count}`));
  await rm(join(project.root, 'eventing/sources/form-submissions.yaml'));
  project.edit(
    'knative/forms/student-data-form.yaml',
    /min-scale: '0'\n +autoscaling.knative.dev\/max-scale: '20'/,
    `min-scale: '${count}'\n        autoscaling.knative.dev/max-scale: '${count}'`,
  );
  const data = join(folder, `data-${count}`);
  mkdirSync(data);
  return startFormbus(data, { root: project.root, env: { KAFKA_BROKERS: kafka } });
}

function result(rounds: Rounds<LoadReport>): Instances {
  const errorsIn = (runs: LoadReport[]) => runs.reduce((sum, run) => sum + run.requests - run.accepted, 0);
  const keys = Object.keys(loads).flatMap((title) => counts.map((count) => ({ title, count })));
  const rows = keys.map(({ title, count }) => {
    const of = (figure: (run: LoadReport) => number) => rounds.median(`${title} ${count}`, figure);
    return {
      load: title,
      instances: count,
      'requests/s': Math.round(of((run) => run.perSecond)),
      'mean ms': rounded(of((run) => run.latency.mean)),
      'p50 ms': rounded(of((run) => run.latency.p50)),
      'p99 ms': rounded(of((run) => run.latency.p99)),
      errors: errorsIn(rounds.all(`${title} ${count}`)),
    };
  });
  const goals = counts.flatMap((count) => {
    const runs = rounds.all(`${plan} ${count}`);
    const where = `${plan} through npm start, ${count} ${count === 1 ? 'instance' : 'instances'}`;
    const spread = rounds.median(`${plan} ${count}`, ({ latency }) => latency.p99 / latency.p50);
    return [
      goalOf(`no error, ${where}`, errorsIn(runs), (errors) => errors === 0),
      goalOf(`p99 ≤ 3 × p50, ${where}`, spread, (ratio) => ratio <= 3),
    ];
  });
  const scaled = rounds.ratio('64 connections 5', '64 connections 1', (run) => run.perSecond);
  goals.push(goalOf('5 instances ≥ 1.0 × 1 instance, 64 connections', scaled, (ratio) => ratio >= 1));
  return {
    tables: [{ title: 'Through npm start; gateway, instances and load share all cores', rows }],
    goals,
    errors: keys.reduce((sum, { title, count }) => sum + errorsIn(rounds.all(`${title} ${count}`)), 0),
  };
}
