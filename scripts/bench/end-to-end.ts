import { readdirSync, readFileSync } from 'node:fs';
import { join, parse } from 'node:path';
import { PassThrough } from 'node:stream';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { bodiesFor } from '../tools/load/body.ts';
import { runRate } from '../tools/load/drive.ts';
import { openTally } from '../tools/load/tally.ts';
import { startFormbus, temporaryFolder, type StartedFormbus } from '../testing/formbus.ts';
import { startBenchKafka } from './parts/kafka.ts';
import type { Goal, Measured } from './parts/measured.ts';
import { barPlot } from './parts/plot.ts';
import { copyProject } from './parts/project.ts';
import { percentile, rounded } from './parts/stats.ts';
import { cpuMsOf } from './parts/system.ts';

const rate = 200;
const seconds = 20;
/** That get each submission of the demo form: sheets-buffer, send-confirmation, detect-slang, archive and demo-task. */
const tasks = 5;

/** When each step of a submission was observed, by its id, in milliseconds of this process's clock. */
interface Seen {
  accepted: Map<string, number>;
  buffered: Map<string, number>;
  done: Map<string, number>;
}

/**
 * From the 202 to the row in Redis and to the demo task, through Kafka: npm start as it is, but that services go to zero after
 * 6 s (Knative's minimum) instead of 15 to 30. A line in a task's log marks the end; the times include reading it.
 */
export async function measure({ runs = 5 }: { runs?: number } = {}): Promise<Measured> {
  const folder = await temporaryFolder();
  const kafka = await startBenchKafka(join(import.meta.dirname, '../..'), folder.path);
  const project = copyProject(join(folder.path, 'project'));
  // Without the task metrics, which always runs and has no window.
  const services = ['forms', 'tasks']
    .flatMap((kind) =>
      readdirSync(join(project.root, 'knative', kind)).map((file) => ({
        name: parse(file).name,
        kind,
        file,
      })),
    )
    .filter(({ kind, file }) =>
      readFileSync(join(project.root, 'knative', kind, file), 'utf8').includes('dev/window:'),
    );
  for (const { kind, file } of services)
    project.edit(`knative/${kind}/${file}`, /dev\/window: \d+s/, 'dev/window: 6s');
  const seen: Seen = { accepted: new Map(), buffered: new Map(), done: new Map() };
  const env = { KAFKA_BROKERS: kafka.url };
  const formbus = await startFormbus(join(folder.path, 'data'), {
    root: project.root,
    log: watch(seen),
    env,
  });
  try {
    const cold = { buffered: [] as number[], done: [] as number[] };
    for (let run = 1; run <= runs; run += 1) {
      for (const { name } of services) await untilZero(formbus, name);
      const found = await submit(formbus, seen, { rate: 1, forMs: 1_000 });
      cold.buffered.push(...found.buffered);
      cold.done.push(...found.done);
      process.stderr.write(`from zero, ${run} of ${runs}\n`);
    }
    await submit(formbus, seen, { rate, forMs: 5_000 });
    process.stderr.write(`warm, ${rate} a second for ${seconds} s\n`);
    const before = cpuMsOf(formbus.pid);
    const warm = await submit(formbus, seen, { rate, forMs: seconds * 1_000 });
    const runnerMs = (cpuMsOf(formbus.pid) - before) / warm.done.length;
    return result(warm, cold, runnerMs);
  } finally {
    await formbus.end('SIGTERM');
    await kafka.close(0);
    await folder.remove();
  }
}

/** Notes the log lines that tasks write once a submission is in Redis, or seen. */
function watch(seen: Seen): NodeJS.WritableStream {
  const stream = new PassThrough();
  createInterface(stream).on('line', (line) => {
    const id = /[\da-f]{8}-[\da-f]{4}-7[\da-f-]{21}/.exec(line)?.[0];
    if (id === undefined) return;
    if (/sheets-buffer +buffered/.test(line)) seen.buffered.set(id, performance.now());
    if (/demo-task +seen/.test(line)) seen.done.set(id, performance.now());
  });
  return stream;
}

interface Times {
  buffered: number[];
  done: number[];
  /** Number of errors, by kind. */
  errors: Record<string, number>;
}

/** Submits at a rate and waits until the tasks have done all accepted submissions. */
async function submit(
  { url }: StartedFormbus,
  { accepted, buffered, done }: Seen,
  { rate, forMs }: { rate: number; forMs: number },
): Promise<Times> {
  const form = new URL('/demo-form/', url);
  const tally = openTally({ keepIds: true });
  const body = bodiesFor({ properties: { name: {}, message: {} } });
  await runRate({
    url: form,
    body,
    rate,
    forMs,
    record(ms, outcome) {
      const id = tally.record(ms, outcome);
      if (id !== undefined) accepted.set(id, performance.now());
    },
  });
  const ids = [...tally.ids];
  for (const limit = performance.now() + 60_000; ids.some((id) => !buffered.has(id) || !done.has(id));) {
    if (performance.now() > limit) throw new Error('not all submissions have reached the tasks within 60 s');
    await sleep(50);
  }
  // A task may finish a submission before its 202 is read here.
  const since = (id: string, then: Map<string, number>) =>
    Math.max(0, (then.get(id) ?? Number.NaN) - (accepted.get(id) ?? Number.NaN));
  return {
    buffered: ids.map((id) => since(id, buffered)),
    done: ids.map((id) => since(id, done)),
    errors: tally.report(1).errors,
  };
}

async function untilZero(formbus: StartedFormbus, service: string): Promise<void> {
  while ((await formbus.status(service)).instances > 0) await sleep(100);
}

function result(warm: Times, cold: { buffered: number[]; done: number[] }, runnerMs: number): Measured {
  const rows = [
    { from: `warm, ${rate}/s`, to: 'row in Redis', times: warm.buffered },
    { from: `warm, ${rate}/s`, to: 'demo task', times: warm.done },
    { from: 'from zero', to: 'row in Redis', times: cold.buffered },
    { from: 'from zero', to: 'demo task', times: cold.done },
  ].map(({ from, to, times }) => ({
    when: from,
    'from the 202 to the': to,
    'p50 ms': rounded(percentile(times, 50)),
    'p99 ms': rounded(percentile(times, 99)),
    'max ms': rounded(percentile(times, 100)),
    submissions: times.length,
  }));
  const [p50, p99] = [percentile(warm.done, 50), percentile(warm.done, 99)];
  const errors = Object.entries(warm.errors).map(([kind, count]) => `${count} × ${kind}`);
  const goals: Goal[] = [
    { goal: `to the task, p50 ≤ 15 ms at ${rate}/s`, measured: `${rounded(p50)} ms`, isReached: p50 <= 15 },
    { goal: `to the task, p99 ≤ 60 ms at ${rate}/s`, measured: `${rounded(p99)} ms`, isReached: p99 <= 60 },
    {
      goal: 'runner ≤ 1.2 ms of processor a submission and task',
      measured: `${rounded(runnerMs / tasks)} ms`,
      isReached: runnerMs / tasks <= 1.2,
    },
    { goal: 'no error', measured: errors.join(', ') || 'none', isReached: errors.length === 0 },
  ];
  const svg = barPlot({
    title: 'From the 202 to the end',
    unit: 'milliseconds, through Kafka and the Broker',
    series: ['p50', 'p99'],
    groups: rows.map((row) => ({
      label: `${row.when}: ${row['from the 202 to the']}`,
      values: [row['p50 ms'], row['p99 ms']],
    })),
  });
  const how = 'npm start with a Kafka; all on the same cores, the load, too';
  const runner = {
    'ms a submission': rounded(runnerMs),
    [`ms a submission and task, of ${tasks}`]: rounded(runnerMs / tasks),
  };
  return {
    how,
    tables: [
      { title: 'End to end', rows },
      { title: `Processor time of the runner, ${rate}/s`, rows: [runner] },
    ],
    goals,
    errors: Object.values(warm.errors).reduce((sum, count) => sum + count, 0),
    plots: [{ file: 'end-to-end.svg', svg }],
  };
}
