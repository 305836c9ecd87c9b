import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import type { Campaign } from '../options.ts';
import { compare, type Comparison } from './compare.ts';
import type { Faults } from '../faults/faults.ts';
import { sum } from './report.ts';
import type { Submitter } from '../traffic/submitter.ts';

/** Waiting ends after this time without progress. */
const patienceMs = 180_000;

/** Waits until every accepted id is in its sheet or nothing arrives any more, and then for late duplicates. */
export async function drain(
  { rows, batches, say, aborted }: Pick<Campaign, 'rows' | 'batches' | 'say' | 'aborted'>,
  { fireFlush }: Pick<Faults, 'fireFlush'>,
  { submitted }: Pick<Submitter, 'submitted'>,
): Promise<Comparison & { drainSeconds: number }> {
  const begin = performance.now();
  const look = async () => compare(submitted, await rows(), { batches: batches() });
  let progress = begin;
  let missing = Infinity;
  let found = await look();
  while (found.lost.length > 0 && performance.now() - progress < patienceMs) {
    aborted.throwIfAborted();
    if (found.lost.length < missing) progress = performance.now();
    missing = found.lost.length;
    say(`${missing} missing`);
    await fireFlush();
    await sleep(2_000);
    found = await look();
  }
  const drainSeconds = Math.round((performance.now() - begin) / 1_000);
  // A request that the network delivers twice arrives up to 5 s later.
  await sleep(6_000);
  await fireFlush();
  return { ...(await look()), drainSeconds };
}

/** Waits until every event is delivered or nothing moves any more. Returns what is left, by consumer group. */
export async function deliverAll({
  url,
  say,
  aborted,
}: Pick<Campaign, 'url' | 'say' | 'aborted'>): Promise<Record<string, number>> {
  let progress = performance.now();
  let least = Infinity;
  for (;;) {
    aborted.throwIfAborted();
    const left = await lags(url);
    const count = sum(left);
    if (count === 0 || performance.now() - progress > patienceMs) return left;
    if (count < least) progress = performance.now();
    least = Math.min(least, count);
    say(`${count} deliveries wait for their retry`);
    await sleep(2_000);
  }
}

async function lags(url: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${url}/_/metrics`)).text();
  const left: Record<string, number> = {};
  for (const [, group = '', lag] of text.matchAll(
    /^kafka_consumergroup_lag\{consumergroup="([^"]+)"[^}]*\} (\d+)$/gm,
  ))
    if (lag !== '0') left[group] = (left[group] ?? 0) + Number(lag);
  return left;
}

/** Returns the exit code of `npm run audit`. */
export async function audit(url: string, env: Record<string, string> = {}): Promise<number> {
  const script = join(import.meta.dirname, '../../commands/audit.ts');
  const child = spawn(process.execPath, [script, '--url', url, '--json'], {
    env: { ...process.env, ...env },
    stdio: 'ignore',
  });
  const [code] = v.parse(v.tuple([v.number(), v.unknown()]), await once(child, 'exit'));
  return code;
}
