import { cpSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startFormbus, temporaryFolder } from '../testing/formbus.ts';
import type { Goal, Measured } from './parts/measured.ts';
import { barPlot } from './parts/plot.ts';
import { copyProject } from './parts/project.ts';
import { rounded } from './parts/stats.ts';
import { descendantsOf, memoryKbOf } from './parts/system.ts';

const counts = [1, 10, 100, 500];
/** A spreadsheet has at most 200 tabs, one of them from the beginning. */
const mostTabs = 199;

interface Grown {
  forms: number;
  startSeconds: number;
  againSeconds: number;
  memoryMb: number;
  processes: number;
  flushSeconds: number;
}

/** The cost of unused forms: copies of the demo form under npm start, and a flush with a row of each. */
export async function measure({ runs = 1 }: { runs?: number } = {}): Promise<Measured> {
  const found: Grown[] = [];
  for (let run = 1; run <= runs; run += 1) {
    for (const forms of counts) {
      process.stderr.write(`round ${run} of ${runs}: ${forms} forms\n`);
      found.push(await grow(forms));
    }
  }
  return result(found);
}

async function grow(forms: number): Promise<Grown> {
  const folder = await temporaryFolder();
  try {
    const { root } = copyProject(join(folder.path, 'project'));
    // The demo form and the student form stay, because Triggers and tests name them.
    for (let n = 2; n <= forms; n += 1) addForm(root, `form-${n}`);
    const data = join(folder.path, 'data');
    const first = await timed(() => startFormbus(data, { root }));
    await first.value.end('SIGTERM');
    const again = await timed(() => startFormbus(data, { root }));
    const formbus = again.value;
    // By then the memory of the start has been freed.
    await sleep(3_000);
    const memoryMb = memoryKbOf(formbus.pid, 'VmRSS') / 1_024;
    const processes = descendantsOf(formbus.pid).length;
    const sink = /K_SINK=(\S+)/.exec(formbus.output())?.[1] ?? '';
    for (let n = 1; n <= Math.min(forms, mostTabs); n += 1)
      await publish(sink, n === 1 ? 'demo-form' : `form-${n}`);
    while ((await formbus.status('sheets-buffer')).inFlight > 0) await sleep(50);
    const flushed = await timed(() => formbus.flush());
    await formbus.end('SIGTERM');
    return {
      forms,
      startSeconds: first.seconds,
      againSeconds: again.seconds,
      memoryMb,
      processes,
      flushSeconds: flushed.seconds,
    };
  } finally {
    await folder.remove();
  }
}

/** With the command of the README. */
function addForm(root: string, name: string): void {
  const from = join(root, 'functions/forms/demo-form');
  const to = join(root, 'functions/forms', name);
  cpSync(from, to, { recursive: true });
  renameSync(join(to, 'demo-form.ts'), join(to, `${name}.ts`));
  const manifest = join(root, 'knative/forms', `${name}.yaml`);
  cpSync(join(root, 'knative/forms/demo-form.yaml'), manifest);
  for (const file of [join(to, `${name}.ts`), manifest])
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll('demo-form', name));
}

async function publish(sink: string, form: string): Promise<void> {
  const headers = {
    'content-type': 'application/json',
    'ce-specversion': '1.0',
    'ce-id': `bench-${form}`,
    'ce-source': `/forms/${form}`,
    'ce-type': 'form.submitted',
    'ce-time': new Date().toISOString(),
    'ce-form': form,
    'ce-sheet': `formbus/${form}`,
  };
  const body = JSON.stringify({ name: 'Asha', message: 'Hello' });
  const { status } = await fetch(sink, { method: 'POST', headers, body });
  if (status !== 202) throw new Error(`the Broker answered ${status}`);
}

async function timed<T>(work: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  const begin = performance.now();
  const value = await work();
  return { value, seconds: (performance.now() - begin) / 1_000 };
}

function result(found: Grown[]): Measured {
  const mean = (forms: number, figure: (one: Grown) => number) => {
    const all = found.filter((one) => one.forms === forms).map(figure);
    return all.reduce((sum, value) => sum + value, 0) / all.length;
  };
  const rows = counts.map((forms) => ({
    forms,
    'first start s': rounded(mean(forms, (one) => one.startSeconds)),
    'start s': rounded(mean(forms, (one) => one.againSeconds)),
    'idle memory MB': rounded(mean(forms, (one) => one.memoryMb)),
    'child processes': mean(forms, (one) => one.processes),
    [`flush of a row in each tab, at most ${mostTabs}, s`]: rounded(mean(forms, (one) => one.flushSeconds)),
  }));
  const [least = 0, most = 0] = [counts[0], counts.at(-1)];
  const kb =
    ((mean(most, (one) => one.memoryMb) - mean(least, (one) => one.memoryMb)) * 1_024) / (most - least);
  const processes = mean(most, (one) => one.processes) - mean(least, (one) => one.processes);
  const startSeconds = mean(most, (one) => one.againSeconds);
  const goals: Goal[] = [
    { goal: 'memory < 200 kB a form', measured: `${rounded(kb)} kB`, isReached: kb < 200 },
    {
      goal: `start with ${most} forms ≤ 10 s`,
      measured: `${rounded(startSeconds)} s`,
      isReached: startSeconds <= 10,
    },
    { goal: 'no process for an idle form', measured: String(processes), isReached: processes <= 0 },
  ];
  const svg = barPlot({
    title: 'Idle memory of the runner',
    unit: 'MB',
    series: [''],
    groups: rows.map((row) => ({ label: `${row.forms} forms`, values: [row['idle memory MB']] })),
  });
  const how = 'npm start without Kafka on copies of this project with so many forms';
  return { how, tables: [{ title: 'Growth', rows }], goals, plots: [{ file: 'growth.svg', svg }] };
}
