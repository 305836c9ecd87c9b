import type { CloudEventV1 } from 'cloudevents';
import * as v from 'valibot';
import type { Env } from '../runtime/env.ts';
import type { BinaryMessage } from '../event/event.ts';
import { reasonOf, type Log } from '../runtime/log.ts';
import { counter } from '../metrics/metrics.ts';
import { openRedis, redisEnv, type DurableRedis } from '../stores/redis.ts';
import { seenDaysEnv } from '../stores/seen-days.ts';
import { openDeadLetters, type DeadLetters } from './dead-letter.ts';
import type { Pauses } from './pauses.ts';
import { openQueue, type Queue, type Taken } from './queue.ts';
import type { TryLater } from './try-later.ts';

/** How a task retries the events for which it threw `TryLater`. */
export interface LaterOptions {
  pauses: Pauses;
  /** Most events under way for one destination; 5 by default. */
  atOnce?: number;
}

export const laterEnv = {
  ...redisEnv,
  ...seenDaysEnv,
  DEAD_LETTER_SINK: v.pipe(
    v.string(),
    v.regex(/^https?:\/\/[^/]+\/[^/]+\/[^/]+$/, 'not http://host/NAMESPACE/NAME'),
    v.description(
      'the address of the KafkaSink for dead letters, e.g. http://kafka-sink-ingress.knative-eventing/formbus/dead-letters',
    ),
  ),
};

export type LaterEnv = Env<typeof laterEnv>;

/** The outcome of one event in a task. A dead letter carries `code`, an HTTP status. */
export type Verdict =
  | { kind: 'done'; reply: CloudEventV1<unknown> | undefined }
  | { kind: 'later'; error: TryLater }
  | { kind: 'unavailable'; error: Error; code: number }
  | { kind: 'refused'; error: Error; code: number };

interface Entry {
  id: string;
  message: BinaryMessage;
  destination: string;
  reason: string;
  /** Whether a person sent it again: the event may have changed. */
  redriven: boolean;
}

/** A task's queue of events that will be retried. Every method rejects with Unavailable. */
export interface Later {
  /** Keeps an event durably: once this resolves, the task may answer 204. */
  put(entry: Entry): Promise<void>;
  /** Tries the events that are due. Simultaneous runs try different events. */
  run(): Promise<void>;
  forget(submission: string): Promise<void>;
  close(): Promise<void>;
}

export interface OpenLaterOptions extends LaterOptions {
  task: string;
  env: LaterEnv;
  log: Log;
  /** Does the task's work. Never rejects. */
  handle: (message: BinaryMessage) => Promise<Verdict>;
  /** Most events under way in one run. */
  workers?: number;
  /** For tests. */
  connect?: () => Promise<DurableRedis>;
  deadLetters?: DeadLetters;
}

/** How long a run takes further events; the next run, a minute later, takes the rest. */
const takeMs = 45_000;
/** Longer than any task works on one event, because Knative ends the request sooner. */
const leaseMs = 180_000;
/** While a dependency is unavailable, events are retried each minute for as long as a Trigger retries: 35 hours. */
const downMs = 60_000;
const mostDowns = 2_100;
/** A run ends after this many unavailable answers in a row. */
const enoughDowns = 3;

/** Connects to Redis at the first use: most instances never defer an event. */
export function openLater({
  task,
  env,
  log,
  pauses,
  atOnce = 5,
  handle,
  workers = 20,
  connect = () => openRedis(env, log),
  deadLetters = openDeadLetters({ sink: env.DEAD_LETTER_SINK, task }),
}: OpenLaterOptions): Later {
  let opened: Promise<{ redis: DurableRedis; queue: Queue }> | undefined;
  const open = () =>
    (opened ??= connect().then((redis) => ({
      redis,
      queue: openQueue({ redis, task, days: env.SEEN_DAYS, atOnce, leaseMs }),
    })));

  async function put({ id, message, destination, reason, redriven }: Entry) {
    const { queue } = await open();
    const pauseMs = pauses(1) ?? 0;
    const became = await queue.put({ id, message, destination, reason, pauseMs, redriven });
    if (became === 'queued') counter('formbus_later_total', 'queued').add();
    // Not the destination, which may be a part of what a person typed.
    log.info({ id, reason, became }, 'deferred, will be retried');
  }

  async function settle(queue: Queue, taken: Taken, verdict: Verdict) {
    const { failures, downs } = taken;
    if (verdict.kind === 'done') {
      counter('formbus_later_total', 'done').add();
      await queue.done(taken);
      return;
    }
    const { error } = verdict;
    const isLater = verdict.kind === 'later';
    const isDown = verdict.kind === 'unavailable';
    const pauseMs = isLater ? pauses(failures + 1) : isDown && downs < mostDowns ? downMs : undefined;
    if (pauseMs === undefined) {
      const code = verdict.kind === 'later' ? 503 : verdict.code;
      return bury(queue, taken, { code, text: error.message });
    }
    counter('formbus_later_total', 'again').add();
    const next = { failures: failures + Number(isLater), downs: downs + Number(isDown) };
    await giveBack(queue, taken, { reason: error.message, pauseMs, ...next });
  }

  async function giveBack(queue: Queue, taken: Taken, how: Parameters<Queue['again']>[1]) {
    const { id, message, destination } = taken;
    const became = await queue.again(taken, how);
    // Redis may have lost its data. If another run has done the event instead, the task finds it done.
    if (became === 'gone') await put({ id, message, destination, reason: how.reason, redriven: false });
  }

  async function bury(queue: Queue, taken: Taken, { code, text }: { code: number; text: string }) {
    const { id, message, failures, downs } = taken;
    if (!(await queue.hold(taken))) return;
    try {
      await deadLetters({ message, code, text });
    } catch (error) {
      log.error({ id, reason: reasonOf(error) }, 'the dead-letter sink failed; will be retried in a minute');
      return giveBack(queue, taken, { reason: text, pauseMs: downMs, failures, downs });
    }
    counter('formbus_later_total', 'dead').add();
    log.error({ id, code, reason: text }, 'is a dead letter');
    await queue.done(taken);
  }

  return {
    put,
    async run() {
      const { queue } = await open();
      const until = performance.now() + takeMs;
      let inVain = 0;
      const begun: Promise<void>[] = [];
      const failures: unknown[] = [];
      const begin = () => {
        if (begun.length < workers) begun.push(work().catch((error: unknown) => void failures.push(error)));
      };
      const work = async () => {
        while (performance.now() < until && inVain < enoughDowns) {
          const taken = await queue.take();
          if (!taken) return;
          begin();
          const verdict = await handle(taken.message);
          inVain = verdict.kind === 'unavailable' ? inVain + 1 : 0;
          await settle(queue, taken, verdict);
        }
      };
      begin();
      // Each worker may start another.
      for (const one of begun) await one;
      if (failures.length > 0) throw failures[0];
    },
    forget: async (submission) => (await open()).queue.forget(submission),
    close: async () => (await opened)?.redis.close(),
  };
}
