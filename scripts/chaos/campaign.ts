import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import { startFormbus, type StartedFormbus, type StartOptions } from '../testing/formbus.ts';
import { burn } from './burn.ts';
import { openDisk } from './faults/disk.ts';
import { openFaults, type Faults } from './faults/faults.ts';
import { openSentinelFaults } from './faults/sentinel-faults.ts';
import { signal } from './faults/victims.ts';
import { compareMails, deferredMails, startMailServer } from './judge/mails.ts';
import { openMemory } from './judge/memory.ts';
import { audit, deliverAll, drain } from './judge/quiet.ts';
import { isClean, type Report } from './judge/report.ts';
import type { Campaign, CampaignOptions } from './options.ts';
import { serviceNames } from './plan.ts';
import { makeProject } from './traffic/project.ts';
import { formsOfCampaign as forms, openSubmitter } from './traffic/submitter.ts';

/** Submits at a rate while a seeded plan kills and freezes processes and makes Google fail; then waits for all deliveries and compares. */
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

async function run(campaign: Campaign, faults: Faults): Promise<Report> {
  const { seed, rate, url, say, aborted } = campaign;
  const submitter = openSubmitter({ url, forms, rate, aborted });
  const memory = openMemory();
  const happened = await burn(campaign, faults, { submitter, memory });
  await Promise.race([submitter.settled(), rejectionOf(aborted)]);
  await faults.end();
  const { submitted, refused, broken } = submitter;
  say(`waiting until ${submitted.accepted.size} accepted submissions are in their sheets`);
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

/** As Ctrl-C does; with SIGKILL when that takes too long. */
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
