import type { Log } from '../../lib/runtime/log.ts';
import { gauge } from '../../lib/metrics/metrics.ts';
import type { DurableRedis } from '../../lib/stores/redis.ts';
import { beginning, readArchived } from './archived.ts';
import { compare, type Collaborators, type Counts } from './compare.ts';
import { OutOfTime, paced } from './pace.ts';
import { readProgress, type Run } from './progress.ts';

export interface RunOptions extends Collaborators {
  redis: DurableRedis;
  /** How many days back the audit looks. */
  days: number;
  /** Whether to begin an audit when none is under way. */
  mayBegin: boolean;
  /** How many tabs make a part: two minutes' reading, unless they are long. */
  places?: number;
  /** Calls to Google a minute. */
  perMinute?: number;
  now?: () => number;
}

/** Submissions that are younger may still become rows. */
const settleMs = 3_600_000;
const dayMs = 86_400_000;
/** No new part is begun after the first, no call to Google after the second; the Service's time-out is 600 s. */
const budgetMs = 240_000;
const lateMs = 540_000;
/** How many ids are held in memory, however many submissions there are. */
const idsOfAPart = 100_000;

/**
 * Continues the audit under way, or begins one, part by part, and keeps its progress in Redis after each. Returns the result when it is
 * complete; undefined when there is more to do, or nothing.
 * @throws Unavailable when a store cannot be reached: nothing is judged then, and the next run continues after the last part
 */
export async function runAudit(options: RunOptions): Promise<Run['forms'] | undefined> {
  const { redis, query, log, days, mayBegin, places = 30, perMinute = 30, now = Date.now } = options;
  const began = now();
  const progress = await readProgress(redis);
  if (!progress.run && !mayBegin) return undefined;
  let run = progress.run ?? newRun(began, { days, places });
  // Before anything can fail: the schedule that continues an audit never begins one.
  if (!progress.run && !(await progress.keep(run))) return undefined;
  const sheets = paced(options.sheets, { perMinute, isLate: () => now() - began > lateMs });
  while (now() - began <= budgetMs) {
    try {
      const limits = { ids: idsOfAPart, places: run.places };
      const { wanted, next } = await readArchived(query, run, run.position, limits);
      const found = await compare(wanted, { query, redis, sheets, log });
      run = { ...run, forms: added(run.forms, found), position: next ?? run.position };
      if (!next) {
        const before = await progress.complete(run);
        if (before) publish(run.forms, before, log);
        return before && run.forms;
      }
    } catch (error) {
      if (!(error instanceof OutOfTime)) throw error;
      // A part that is too long for a request would never end.
      run = { ...run, places: Math.ceil(run.places / 2) };
    }
    if (!(await progress.keep(run))) return undefined;
  }
  log.info({ position: run.position }, 'audit continues with the next event');
  return undefined;
}

function newRun(now: number, { days, places }: { days: number; places: number }): Run {
  const until = now - settleMs;
  return {
    since: new Date(until - days * dayMs).toISOString(),
    until: new Date(until).toISOString(),
    position: beginning,
    places,
    forms: {},
  };
}

function added(forms: Run['forms'], found: Map<string, Counts>): Run['forms'] {
  const sums = { ...forms };
  for (const [form, { checked, lost, duplicated }] of found) {
    const before = sums[form] ?? none;
    sums[form] = {
      checked: before.checked + checked,
      lost: before.lost + lost,
      duplicated: before.duplicated + duplicated,
    };
  }
  return sums;
}

const none: Counts = { checked: 0, lost: 0, duplicated: 0 };

/** @param before the forms of the previous audit: a form without submissions any more has none lost */
function publish(forms: Run['forms'], before: string[], log: Log) {
  for (const form of new Set([...before, ...Object.keys(forms)])) {
    const { checked, lost, duplicated } = forms[form] ?? none;
    gauge('formbus_audit_checked_submissions', form).set(checked);
    gauge('formbus_audit_lost', form).set(lost);
    gauge('formbus_audit_duplicated', form).set(duplicated);
  }
  gauge('formbus_audit_timestamp_seconds').set(Math.floor(Date.now() / 1_000));
  const sum = (key: keyof Counts) => Object.values(forms).reduce((total, counts) => total + counts[key], 0);
  const facts = {
    forms: Object.keys(forms).length,
    checked: sum('checked'),
    lost: sum('lost'),
    duplicated: sum('duplicated'),
  };
  log[facts.lost + facts.duplicated > 0 ? 'error' : 'info'](facts, 'audit complete');
}
