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

/** How a task tries again what it threw `TryLater` for. */
export interface LaterOptions {
  pauses: Pauses;
  /** How many are under way for one destination at once; 5 unless said otherwise. */
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

/** What became of one event in the task's hands. `code` is the HTTP status that a dead letter of it carries. */
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
  /** By a person, who wants it tried as the event is now. */
  redriven: boolean;
}

/** A task's queue of events that are tried again later. All reject with Unavailable. */
export interface Later {
  /** Keeps an event; once this resolves, the Broker may be told that it is done. */
  put(entry: Entry): Promise<void>;
  /** Tries what is due. Of several runs at a time each tries others. */
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
  /** At once in one run, whatever they are for. */
  workers?: number;
  /** For tests. */
  connect?: () => Promise<DurableRedis>;
  deadLetters?: DeadLetters;
}

/** How long a run goes on beginning to try; what is left is for the next minute's. */
const takeMs = 45_000;
/** Longer than any task works on one event: Knative ends a request sooner. */
const leaseMs = 180_000;
/** What is out of reach for all is tried again each minute, for as long as a Trigger tries: 35 hours. */
const downMs = 60_000;
const mostDowns = 2_100;
/** So many times in a row, and a run is over. */
const enoughDowns = 3;

/** Redis is connected to when it is first needed: most instances never put anything off. */
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
    // Where it goes to may be a part of what somebody typed.
    log.info({ id, reason, became }, 'tried again later');
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
    // Redis may have lost what it had; what another run has done meanwhile is only found to be done once more.
    if (became === 'gone') await put({ id, message, destination, reason: how.reason, redriven: false });
  }

  async function bury(queue: Queue, taken: Taken, { code, text }: { code: number; text: string }) {
    const { id, message, failures, downs } = taken;
    if (!(await queue.hold(taken))) return;
    try {
      await deadLetters({ message, code, text });
    } catch (error) {
      log.error({ id, reason: reasonOf(error) }, 'the dead-letter sink failed; tried again in a minute');
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
      // Each may begin another one.
      for (const one of begun) await one;
      if (failures.length > 0) throw failures[0];
    },
    forget: async (submission) => (await open()).queue.forget(submission),
    close: async () => (await opened)?.redis.close(),
  };
}
