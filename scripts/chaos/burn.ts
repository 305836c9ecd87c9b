import { setTimeout as sleep } from 'node:timers/promises';
import type { Faults } from './faults/faults.ts';
import { isRunning, residents } from './faults/victims.ts';
import type { Memory } from './judge/memory.ts';
import { sum, type Report } from './judge/report.ts';
import type { Campaign } from './options.ts';
import { makePlan, type Step } from './plan.ts';
import type { Submitter } from './traffic/submitter.ts';

/** The emulator takes 60 writes a minute, as Google does. */
const flushEveryMs = 4_000;
const measureEveryMs = 5_000;
const tellEveryMs = 10_000;

/** Submits and does the plan's steps one after the other. When a step takes long, the campaign takes longer than planned. */
export async function burn(
  { seed, lengthMs, kafka, sentinels, services, runner, restart, say, aborted }: Campaign,
  faults: Faults,
  { submitter, memory }: { submitter: Submitter; memory: Memory },
): Promise<Pick<Report, 'faults' | 'leftOut' | 'runnerEnded'>> {
  const plan = makePlan({ seed, lengthMs, kafka, sentinel: sentinels !== undefined, services });
  const done: Record<string, number> = {};
  const leftOut: Record<string, number> = {};
  const begin = performance.now();
  const elapsed = () => performance.now() - begin;
  let acting: Promise<void> | undefined;
  let [flushed, measured, told, runnerEnded] = [0, 0, 0, 0];

  async function act(step: Step) {
    const label = `${step.do} ${step.what}`;
    try {
      await faults.act(step);
      done[label] = (done[label] ?? 0) + 1;
    } catch (error) {
      // Without a runner every later step would fail as well.
      if (!isRunning(runner())) await restartAfterEnd();
      leftOut[label] = (leftOut[label] ?? 0) + 1;
      say(`left out: ${label}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async function restartAfterEnd() {
    runnerEnded += 1;
    say('the runner ended by itself and is started again');
    await restart();
  }

  try {
    while (elapsed() < lengthMs || plan.length > 0) {
      aborted.throwIfAborted();
      submitter.upTo(elapsed());
      if (!acting) {
        const due = plan[0] && plan[0].at <= elapsed() ? plan.shift() : undefined;
        if (due) acting = act(due).finally(() => (acting = undefined));
        else if (!isRunning(runner())) acting = restartAfterEnd().finally(() => (acting = undefined));
        // The error is thrown where this is awaited.
        acting?.catch(() => {});
      }
      if (elapsed() - flushed > flushEveryMs) {
        flushed = elapsed();
        void faults.fireFlush();
      }
      if (elapsed() - measured > measureEveryMs) {
        measured = elapsed();
        const redis = sentinels?.redis.map((pod) => pod.pid());
        memory.note(measured, residents(runner(), redis), submitter.submitted.accepted.size);
      }
      if (elapsed() - told > tellEveryMs) {
        told = elapsed();
        const { submitted } = submitter;
        say(
          `${Math.round(told / 1_000)} s: ${submitter.count()} submitted, ${submitted.accepted.size} accepted, faults ${sum(done)}`,
        );
      }
      await sleep(5);
    }
  } finally {
    // After an abort as well: the step may be about to start a runner.
    await acting;
  }
  return { faults: done, leftOut, runnerEnded };
}
