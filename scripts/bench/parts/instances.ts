import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runUsers } from '../../tools/load/drive.ts';
import { openTally } from '../../tools/load/tally.ts';
import { startFormbus } from '../../testing/formbus.ts';
import type { Table } from './measured.ts';
import { copyProject } from './project.ts';
import { median, rounded } from './stats.ts';

/** The form behind the runner's gateway with 1 and with 5 instances. Events stay in Kafka: no KafkaSource takes CPU away. */
export async function measureInstances({
  folder,
  kafka,
  body,
}: {
  folder: string;
  kafka: string;
  body: (n: number) => string;
}): Promise<Table> {
  const started = [];
  for (const count of [1, 5]) {
    const project = copyProject(join(folder, `project-${count}`));
    await rm(join(project.root, 'eventing/sources/form-submissions.yaml'));
    const scale = `min-scale: '${count}'\n        autoscaling.knative.dev/max-scale: '${count}'`;
    project.edit(
      'knative/forms/student-data-form.yaml',
      /min-scale: '0'\n +autoscaling.knative.dev\/max-scale: '20'/,
      scale,
    );
    const data = join(folder, `data-${count}`);
    mkdirSync(data);
    const formbus = await startFormbus(data, { root: project.root, env: { KAFKA_BROKERS: kafka } });
    started.push({
      count,
      formbus,
      runs: [] as { perSecond: number; p50: number; p99: number; errors: number }[],
    });
  }
  try {
    for (let run = 0; run <= 3; run += 1) {
      for (const { formbus, runs } of started) {
        const tally = openTally({ keepIds: false });
        const begin = performance.now();
        const url = new URL('/student-data-form/', formbus.url);
        await runUsers({ url, body, record: tally.record, users: 64, forMs: 3_000 });
        const { perSecond, latency, requests, accepted } = tally.report((performance.now() - begin) / 1_000);
        // The first round is for warming up.
        if (run > 0) runs.push({ perSecond, ...latency, errors: requests - accepted });
      }
    }
    return {
      title: '64 connections through the gateway of npm start; gateway, instances and load share all cores',
      rows: started.map(({ count, runs }) => ({
        instances: count,
        'requests/s': Math.round(median(runs.map(({ perSecond }) => perSecond))),
        'p50 ms': rounded(median(runs.map(({ p50 }) => p50))),
        'p99 ms': rounded(median(runs.map(({ p99 }) => p99))),
        errors: runs.reduce((sum, { errors }) => sum + errors, 0),
      })),
    };
  } finally {
    for (const { formbus } of started) await formbus.end('SIGTERM');
  }
}
