import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { student } from '../../functions/testing/sink.ts';
import { startFormbus, type StartedFormbus } from '../testing.ts';
import { compare, type Comparison, type Submitted } from './compare.ts';
import { makePlan, type Step } from './plan.ts';
import { memoryOf, pidsOf, signal } from './victims.ts';

export interface CampaignOptions {
  seed: number;
  lengthMs: number;
  /** Submissions a second, whether or not earlier ones were answered. */
  rate: number;
  /** The data folder; the runner's output is kept there as `chaos.log`. */
  folder: string;
  say: (line: string) => void;
}

export interface Report extends Comparison {
  seed: number;
  submitted: number;
  accepted: number;
  /** By status. */
  refused: Record<string, number>;
  unanswered: number;
  /** By what was done, such as `kill redis`. */
  faults: Record<string, number>;
  drainSeconds: number;
  /** MB at the beginning, in the middle, at the end of the submissions. */
  memory: ReturnType<typeof memoryOf>[];
}

const forms = ['demo-form', 'student-data-form'] as const;
const flushEveryMs = 4_000;
/** Nothing new in the sheets for so long ends the waiting. */
const patienceMs = 180_000;
const answerMs = 20_000;

/** Submits at a rate while a seeded plan kills, freezes and deceives; then waits until all is quiet and compares. */
export async function runCampaign({ seed, lengthMs, rate, folder, say }: CampaignOptions): Promise<Report> {
  const log = createWriteStream(join(folder, 'chaos.log'), { flags: 'a' });
  const data = join(folder, 'data');
  let formbus = await startFormbus(data, { log });
  const port = Number(new URL(formbus.url).port);
  const { url } = formbus;
  const submitted: Submitted = { accepted: new Map(), unknown: new Set() };
  const refused: Record<string, number> = {};
  const faults: Record<string, number> = {};
  const memory = [memoryOf(formbus)];
  const begin = performance.now();
  const elapsed = () => performance.now() - begin;
  let count = 0;

  async function submitOne(): Promise<void> {
    const n = (count += 1);
    const form = forms[n % forms.length] ?? forms[0];
    const name = `person ${n}`;
    const fields = { ...student, name, message: 'x' };
    try {
      const answer = await fetch(`${url}/${form}/`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(fields),
        signal: AbortSignal.timeout(answerMs),
      });
      const text = await answer.text();
      if (answer.status === 202) submitted.accepted.set(v.parse(Accepted, text).id, name);
      else refused[answer.status] = (refused[answer.status] ?? 0) + 1;
      // A 503 says that nobody acknowledged in time, not that nothing was stored.
      if (answer.status === 503) submitted.unknown.add(name);
    } catch {
      submitted.unknown.add(name);
    }
  }

  async function restart(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        formbus = await startFormbus(data, { port, log });
        return;
      } catch (error) {
        if (tries === 5) throw error;
        await sleep(500);
      }
    }
  }

  async function act(step: Step): Promise<void> {
    const label = `${step.do} ${step.what}`;
    if (step.do === 'sheets') {
      const delay = step.what === 'delay' || step.what === 'twice' ? { delayMs: step.ms } : {};
      await post('/_/sheets/faults', { kind: step.what, ...delay });
    } else if (step.do === 'flush twice') {
      await Promise.all([fireFlush(), fireFlush()]);
    } else if (step.do === 'kill' && step.what === 'runner') {
      await formbus.end('SIGKILL');
      await restart();
    } else {
      const pids = await pidsOf(formbus, step.what);
      if (pids.length === 0) return;
      signal(pids.slice(0, 1), step.do === 'kill' ? 'SIGKILL' : 'SIGSTOP');
      if (step.do === 'freeze') {
        await sleep(step.ms);
        signal(pids.slice(0, 1), 'SIGCONT');
      }
    }
    faults[label] = (faults[label] ?? 0) + 1;
  }

  const post = (path: string, body: unknown) =>
    fetch(url + path, { method: 'POST', body: JSON.stringify(body), signal: AbortSignal.timeout(answerMs) });
  const fireFlush = () => post('/_/schedules/sheets-flush', '').catch(() => {});
  const rows = () => Promise.all(forms.map((form) => formbus.rows(form)));

  try {
    const plan = makePlan({ seed, lengthMs });
    const open: Promise<unknown>[] = [];
    let acting: Promise<void> | undefined;
    let flushed = 0;
    let told = 0;
    while (elapsed() < lengthMs) {
      while (count < (elapsed() / 1_000) * rate) open.push(submitOne());
      const due = acting ? undefined : plan.find(({ at }) => at <= elapsed());
      if (due) {
        plan.splice(plan.indexOf(due), 1);
        // One after the other; what can't be done right now, as while the runner is frozen, is left out.
        acting = act(due)
          .catch(() => {})
          .finally(() => (acting = undefined));
      }
      if (elapsed() - flushed > flushEveryMs) {
        flushed = elapsed();
        void fireFlush();
      }
      if (memory.length === 1 && elapsed() > lengthMs / 2) memory.push(memoryOf(formbus));
      if (elapsed() - told > 10_000) {
        told = elapsed();
        say(
          `${Math.round(told / 1_000)} s: ${count} submitted, ${submitted.accepted.size} accepted, faults ${sum(faults)}`,
        );
      }
      await sleep(5);
    }
    await acting;
    await Promise.all(open);
    memory.push(memoryOf(formbus));

    say(`waiting until ${submitted.accepted.size} accepted submissions stand in their sheets`);
    await fetch(`${url}/_/sheets/faults`, { method: 'DELETE' });
    const drainBegin = performance.now();
    let progress = drainBegin;
    let missing = Infinity;
    let found = compare(submitted, await rows());
    while (found.lost.length > 0 && performance.now() - progress < patienceMs) {
      if (found.lost.length < missing) progress = performance.now();
      missing = found.lost.length;
      say(`${missing} missing`);
      await fireFlush();
      await sleep(2_000);
      found = compare(submitted, await rows());
    }
    // What a network delivers twice comes up to 5 s later.
    await sleep(6_000);
    await fireFlush();
    found = compare(submitted, await rows());
    const drainSeconds = Math.round((performance.now() - drainBegin) / 1_000);
    const unanswered = submitted.unknown.size - (refused['503'] ?? 0);
    const accepted = submitted.accepted.size;
    return { seed, submitted: count, accepted, refused, unanswered, ...found, faults, drainSeconds, memory };
  } finally {
    await stop(formbus);
    log.end();
  }
}

async function stop(formbus: StartedFormbus): Promise<void> {
  signal([formbus.pid], 'SIGCONT');
  await formbus.end('SIGTERM');
}

const Accepted = v.pipe(v.string(), v.parseJson(), v.object({ id: v.string() }));

function sum(counts: Record<string, number>): number {
  return Object.values(counts).reduce((a, b) => a + b, 0);
}
