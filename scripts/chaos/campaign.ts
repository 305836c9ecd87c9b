import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import type { Sentinels } from '../../functions/testing/sentinels.ts';
import { startFormbus, type StartedFormbus, type StartOptions } from '../testing/formbus.ts';
import { openDisk } from './faults/disk.ts';
import { openFaults, type Faults } from './faults/faults.ts';
import { compareMails, deferredMails, startMailServer } from './judge/mails.ts';
import { openMemory, type Memory } from './judge/memory.ts';
import { makePlan, serviceNames, type Step } from './plan.ts';
import { makeProject } from './traffic/project.ts';
import { audit, deliverAll, drain } from './judge/quiet.ts';
import { isClean, sum, type Report } from './judge/report.ts';
import { openSentinelFaults } from './faults/sentinel-faults.ts';
import { formsOfCampaign as forms, openSubmitter, type Submitter } from './traffic/submitter.ts';
import { isRunning, residents, signal } from './faults/victims.ts';

export interface CampaignOptions {
  seed: number;
  lengthMs: number;
  /** Submissions a second, whether or not earlier ones were answered. */
  rate: number;
  /** Sends everything through a Kafka, which is killed and frozen as well. */
  kafka?: boolean;
  /** In place of the runner's own Redis; its servers are killed, frozen and cut off. */
  sentinels?: Sentinels | undefined;
  /** The Services whose processes are killed and frozen beside the others; all by default. */
  services?: string[];
  /** The runner's output is kept there as `chaos.log`; the data below `data`, when the report is not clean. */
  folder: string;
  say: (line: string) => void;
  /** Breaks it off; nothing is left running or mounted. */
  aborted?: AbortSignal;
}

/** The emulator takes 60 writes a minute, as Google does. */
const flushEveryMs = 4_000;
const measureEveryMs = 5_000;
const tellEveryMs = 10_000;

/** Submits at a rate while a seeded plan kills, freezes and deceives; then waits until all is quiet and compares. */
export async function runCampaign(options: CampaignOptions): Promise<Report> {
  const {
    folder,
    kafka = false,
    sentinels,
    services = serviceNames(),
    aborted = new AbortController().signal,
  } = options;
  const disk = await openDisk(join(folder, 'data'));
  const log = createWriteStream(join(folder, 'chaos.log'), { flags: 'a' });
  const output = new PassThrough();
  output.pipe(log);
  let batches = 0;
  output.on('data', (chunk: Buffer) => {
    for (const [, number] of chunk.toString().matchAll(/ sequence=(\d+)/g)) {
      batches = Math.max(batches, Number(number));
    }
  });
  const root = join(folder, 'project');
  makeProject(root);
  const { smtp, env: mailEnv } = await startMailServer();
  let formbus: StartedFormbus | undefined;
  let keep = !aborted.aborted;
  try {
    const env = { ...sentinels?.env, ...mailEnv };
    const started = (formbus = await startFormbus(disk.path, { root, kafka, log: output, env }));
    const port = Number(new URL(started.url).port);
    const campaign = {
      ...options,
      kafka,
      sentinels,
      services,
      aborted,
      url: started.url,
      batches: () => batches,
      runner: () => formbus?.pid ?? 0,
      rows: () => Promise.all([...forms, 'Moderation'].map((tab) => started.rows(tab))),
      deadLetters: () => started.deadLetters(),
      mails: () => smtp.mails,
      restart: async () =>
        void (formbus = await startAgain(disk.path, { root, port, kafka, log: output, env })),
    };
    const ofSentinels = sentinels && openSentinelFaults({ sentinels, aborted });
    const faults = openFaults({ ...campaign, disk, ofSentinels });
    try {
      const report = await run(campaign, faults);
      keep = !isClean(report);
      return report;
    } finally {
      await faults.end().catch(() => {});
    }
  } catch (error) {
    keep = !aborted.aborted;
    throw error;
  } finally {
    if (formbus) await stop(formbus);
    await smtp.close();
    await disk.close({ keep });
    output.end();
  }
}

export interface Campaign extends Required<CampaignOptions> {
  url: string;
  batches: () => number;
  runner: () => number;
  restart: () => Promise<void>;
  rows: () => Promise<Record<string, string>[][]>;
  deadLetters: () => Promise<unknown[]>;
  mails: () => string[];
}

async function run(campaign: Campaign, faults: Faults): Promise<Report> {
  const { seed, rate, url, say, aborted } = campaign;
  const submitter = openSubmitter({ url, forms, rate, aborted });
  const memory = openMemory();
  const happened = await burn(campaign, faults, { submitter, memory });
  await Promise.race([submitter.settled(), rejectionOf(aborted)]);
  await faults.end();
  const { submitted, refused, broken } = submitter;
  say(`waiting until ${submitted.accepted.size} accepted submissions stand in their sheets`);
  const drained = await drain(campaign, faults, submitter);
  const undelivered = await deliverAll(campaign);
  const letters = v.parse(v.array(Letter), await campaign.deadLetters());
  const { accepted } = submitted;
  const mails = compareMails({
    accepted,
    mails: campaign.mails(),
    waiting: await deferredMails(url, campaign.sentinels?.env['REDIS_PASSWORD']),
    dead: letters.map(({ attributes }) => attributes.id),
  });
  return {
    seed,
    submitted: submitter.count(),
    accepted: accepted.size,
    refused,
    broken,
    unanswered: submitter.unanswered(),
    undelivered,
    deadLetters: countBy(letters.map((one) => one.trigger)),
    audit: await audit(url, campaign.sentinels?.env),
    memory: memory.trends(),
    ...mails,
    ...happened,
    ...drained,
  };
}

/** Submits, and goes through the plan one step after the other, to its end: where a step takes long, for longer than planned. */
async function burn(
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
      // Without the runner there is nothing left to do.
      if (!isRunning(runner())) await restartAfterEnd();
      leftOut[label] = (leftOut[label] ?? 0) + 1;
      say(`left out: ${label}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  async function restartAfterEnd() {
    runnerEnded += 1;
    say('the runner has ended by itself; it is started again');
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
        // Its failure is met where it is waited for.
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
    // Also when it is broken off: it may be about to start a runner.
    await acting;
  }
  return { faults: done, leftOut, runnerEnded };
}

function rejectionOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

async function startAgain(data: string, options: StartOptions): Promise<StartedFormbus> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startFormbus(data, options);
    } catch (error) {
      if (tries === 5) throw error;
      await sleep(500);
    }
  }
}

/** As Ctrl-C does; at once when that takes longer than it may. */
async function stop(formbus: StartedFormbus): Promise<void> {
  signal(formbus.pid, 'SIGCONT');
  const tooLong = setTimeout(() => signal(formbus.pid, 'SIGKILL'), 15_000);
  await formbus.end('SIGTERM');
  clearTimeout(tooLong);
}

const Letter = v.object({ trigger: v.string(), attributes: v.looseObject({ id: v.string() }) });

function countBy(names: string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
