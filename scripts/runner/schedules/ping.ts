import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Cron } from 'croner';
import type { Answer } from '../../events/delivery-outcome.ts';
import type { Send } from '../delivery/send.ts';
import { type Clock, pause, systemClock } from '../delivery/clock.ts';
import type { Log } from '../log.ts';
import type { PingSource } from '../../manifests/types.ts';
import { NAMESPACE } from '../../events/namespace.ts';

/** The PingSources, each on its schedule. */
export interface Schedules {
  status(): ScheduleStatus[];
  /**
   * Fires a schedule by hand, as an event of its own, and waits for the sink's last answer; undefined when there is no such one.
   * Runs that the schedule has begun itself are finished first: a flush leaves alone what another is at.
   * Rejects when the sink cannot be reached.
   */
  fire(name: string): Promise<Fired> | undefined;
  /**
   * From now on there are these; runs under way are finished.
   * @throws Error as `openSchedules` does, with nothing changed
   */
  reconcile(sources: PingSource[]): void;
  /** No more ticks; runs under way are given up. */
  close(): Promise<void>;
}

interface Fired {
  schedule: string;
  /** The event's id. */
  id: string;
  /** The sink's last HTTP status. */
  status: number;
}

export interface ScheduleStatus {
  name: string;
  schedule: string;
  timezone: string | undefined;
  next: string | null;
  last: (Fired & { time: string }) | null;
}

/** Answers after which the CloudEvents SDK for Go sends again (`protocol/http`, `defaultRetriableErrors`); no answer is one, too. A 500 is none. */
const RETRIED = new Set([404, 413, 425, 429, 502, 503, 504]);

/** As Knative asks of it (`mtping/runner.go`: exponential, 50 ms, 5). */
const PAUSES_MS = [100, 200, 400, 800, 1_600];

/**
 * Sends each PingSource's event to its sink when its schedule says so. As in Knative: a run that was missed while nothing ran
 * is not caught up, a failure is retried for some seconds only, and a run still under way does not hold up the next.
 * @throws Error naming the manifest when a schedule or time zone is none
 */
export function openSchedules({
  sources,
  send,
  log,
  clock = systemClock,
}: {
  sources: PingSource[];
  send: Send;
  log: Log;
  clock?: Clock;
}): Schedules {
  const closing = new AbortController();
  const underWay = new Set<Promise<unknown>>();
  /** Of those the ones that a schedule began itself, with its name. */
  const ticks = new Map<Promise<unknown>, string>();
  const last = new Map<string, Fired & { time: string }>();

  function fire(source: PingSource): { run: Promise<Fired>; settled: Promise<unknown> } {
    const { headers, body } = pingEvent(source);
    const run = sendAgain(source, { headers, body }).then(({ status }) => {
      const fired = { schedule: source.name, id: headers['ce-id'], status };
      last.set(source.name, { ...fired, time: headers['ce-time'] });
      log[status < 300 ? 'info' : 'warn']({ from: source.name, id: fired.id, status }, 'schedule fired');
      return fired;
    });
    const settled = run
      .catch((error: unknown) => {
        if (closing.signal.aborted) return;
        log.error({ from: source.name, id: headers['ce-id'] }, `schedule not delivered: ${String(error)}`);
      })
      .finally(() => {
        underWay.delete(settled);
        ticks.delete(settled);
      });
    underWay.add(settled);
    return { run, settled };
  }

  async function sendAgain(source: PingSource, request: Parameters<Send>[1]): Promise<Answer> {
    for (const pauseMs of PAUSES_MS) {
      try {
        const answer = await send(source.sink, request, closing.signal);
        if (!RETRIED.has(answer.status)) return answer;
        log.info(
          { from: source.name, status: answer.status, pauseMs },
          'schedule not taken, will be retried',
        );
      } catch (error) {
        closing.signal.throwIfAborted();
        log.info(
          { from: source.name, error: String(error), pauseMs },
          'schedule not delivered, will be retried',
        );
      }
      await pause(pauseMs, { clock, signal: closing.signal });
    }
    return send(source.sink, request, closing.signal);
  }

  const jobOf = (source: PingSource) => ({
    source,
    cron: schedule(source, () => void ticks.set(fire(source).settled, source.name)),
  });
  let jobs: ReturnType<typeof jobOf>[] = [];

  async function fireByHand(source: PingSource): Promise<Fired> {
    await Promise.all([...ticks].filter(([, name]) => name === source.name).map(([settled]) => settled));
    return fire(source).run;
  }

  function reconcile(next: PingSource[]) {
    const before = jobs;
    const isUnchanged = (source: PingSource) => (job: (typeof jobs)[number]) =>
      isDeepStrictEqual(job.source, source);
    jobs = next.map((source) => before.find(isUnchanged(source)) ?? jobOf(source));
    for (const job of before) if (!jobs.includes(job)) job.cron.stop();
    for (const job of jobs) if (!before.includes(job)) job.cron.resume();
  }

  reconcile(sources);
  return {
    reconcile,
    status: () =>
      jobs.map(({ source: { name, schedule, timezone }, cron }) => ({
        name,
        schedule,
        timezone,
        next: cron.nextRun()?.toISOString() ?? null,
        last: last.get(name) ?? null,
      })),
    fire(name) {
      const job = jobs.find(({ source }) => source.name === name);
      return job && fireByHand(job.source);
    },
    async close() {
      for (const { cron } of jobs) cron.stop();
      closing.abort(new Error('formbus is stopping'));
      await Promise.all(underWay);
    },
  };
}

/** The event that Knative's PingSource adapter makes, in binary mode. */
function pingEvent({ name, contentType, data }: PingSource) {
  return {
    headers: {
      'ce-specversion': '1.0',
      'ce-type': 'dev.knative.sources.ping',
      'ce-source': `/apis/v1/namespaces/${NAMESPACE}/pingsources/${name}`,
      'ce-id': randomUUID(),
      'ce-time': new Date().toISOString(),
      'kn-namespace': NAMESPACE,
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
    },
    body: Buffer.from(data ?? ''),
  };
}

function schedule({ file, schedule, timezone }: PingSource, onTick: () => void): Cron {
  try {
    const cron = new Cron(
      schedule,
      { paused: true, ...(timezone === undefined ? {} : { timezone }) },
      onTick,
    );
    cron.nextRun(); // Throws where the time zone is none.
    return cron;
  } catch (cause) {
    const where = timezone === undefined ? schedule : `${schedule} (${timezone})`;
    throw new Error(
      `${file}: spec.schedule: ${where}: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        cause,
      },
    );
  }
}
