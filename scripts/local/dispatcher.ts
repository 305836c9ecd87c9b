import { attempt, urlOf } from './attempt.ts';
import type { DeadLetterSink, Send } from './broker.ts';
import type { Clock } from './clock.ts';
import type { Event } from './cloud-event.ts';
import { backoffMs } from './delivery.ts';
import type { EventLog } from './event-log.ts';
import type { Log } from './log.ts';
import type { Trigger } from './manifests.ts';
import { failureAttributes, type Outcome, outcomeOf } from './outcome.ts';

/**
 * Events of one Trigger under way at once: what Knative's Kafka dispatcher polls at most (`max.poll.records`), so that a task
 * meets here the concurrency that it meets there. An event that waits for its retry takes no place.
 */
export const MAX_IN_FLIGHT = 50;

/** How long a delivery is left alone whose outcome could not be written, as on a full disk. */
const LOG_FAILED_MS = 1_000;

/** How long an event waits that its task and then the dead-letter sink refused; both are tried again then. */
const SINK_FAILED_MS = 10_000;

export interface Dispatcher {
  /** Says that something may have come due. */
  wake(): void;
  inFlight(): number;
  /** The Trigger as it is now; undefined = it is gone: what is under way is finished, the rest is kept. */
  update(trigger: Trigger | undefined): void;
  /** Breaks off what is in flight: it is delivered again at the next start. */
  close(): Promise<void>;
}

export interface DispatcherOptions {
  trigger: Trigger;
  events: EventLog;
  send: Send;
  deadLetterSink: DeadLetterSink;
  log: Log;
  clock: Clock;
}

/** Delivers a Trigger's events until they are done, retried in vain, or refused. */
export function startDispatcher({
  trigger,
  events,
  send,
  deadLetterSink,
  log,
  clock,
}: DispatcherOptions): Dispatcher {
  const { name } = trigger;
  let current: Trigger | undefined = trigger;
  const inFlight = new Map<number, { controller: AbortController; over: Promise<void> }>();
  let pumping = false;
  let closed = false;
  let cancelTimer = () => {};

  function wake() {
    if (pumping || closed) return;
    pumping = true;
    setImmediate(pump);
  }

  function pump() {
    pumping = false;
    if (closed) return;
    cancelTimer();
    const trigger = current;
    if (!trigger) return;
    // One moment for both questions: what came due between them would be in neither answer, and never be looked for again.
    const now = clock.now();
    // The first 50 that are due hold at least as many as there are places, for at most the others are in flight.
    const due = inFlight.size < MAX_IN_FLIGHT ? events.due(name, now, MAX_IN_FLIGHT) : [];
    for (const id of due.filter((id) => !inFlight.has(id)).slice(0, MAX_IN_FLIGHT - inFlight.size))
      start(id, trigger);
    // With all places taken, the next one that gets free looks again.
    if (inFlight.size === MAX_IN_FLIGHT) return;
    const next = events.nextDue(name, now);
    if (next !== undefined) cancelTimer = clock.after(next - now, wake);
  }

  function start(id: number, trigger: Trigger) {
    const controller = new AbortController();
    const over = deliver(id, trigger, controller).finally(() => {
      inFlight.delete(id);
      wake();
    });
    inFlight.set(id, { controller, over });
  }

  async function deliver(id: number, trigger: Trigger, controller: AbortController): Promise<void> {
    const { subscriber, delivery } = trigger;
    try {
      const read = events.read(id);
      if (!read) return;
      const outcome = await attempt({
        event: read.event,
        to: subscriber,
        // As Knative's dispatchers do: it says that an event in the answer is welcome.
        headers: { prefer: 'reply' },
        timeoutMs: delivery.timeoutMs,
        judge: outcomeOf,
        send,
        clock,
        controller,
      });
      const brokenOff = closed && outcome.kind === 'retry';
      if (!brokenOff) await settle(id, trigger, read, outcome);
    } catch (error) {
      log.error(
        { trigger: name, delivery: id, error: String(error) },
        'the event log failed; will be delivered again',
      );
      if (!closed) await new Promise<void>((resolve) => void clock.after(LOG_FAILED_MS, resolve));
    }
  }

  async function settle(
    id: number,
    { subscriber, delivery }: Trigger,
    { event, failed }: { event: Event; failed: number },
    outcome: Outcome,
  ) {
    if (outcome.kind === 'done') return events.finish(id);
    if (outcome.kind === 'reply') return events.finish(id, outcome.event);
    const { failure } = outcome;
    const fields = { trigger: name, id: event.attributes['id'], code: failure.code, failed: failed + 1 };
    if (outcome.kind === 'retry' && failed < delivery.retry) {
      const waitMs = backoffMs(delivery, failed + 1);
      log.info({ ...fields, waitMs }, 'delivery failed, will be retried');
      return events.retry(id, failed + 1, clock.now() + waitMs);
    }
    const { deadLetterTopic: topic, deadLetterSink: sink } = delivery;
    if (topic === undefined || sink === undefined) {
      log.error(fields, 'event dropped: it cannot be delivered and the Trigger has no dead-letter sink');
      return events.finish(id);
    }
    const attributes = { ...event.attributes, ...failureAttributes(urlOf(subscriber), failure) };
    const letter = { attributes, data: event.data };
    try {
      await deadLetterSink(sink, letter);
    } catch (error) {
      log.error({ ...fields, error: String(error) }, 'the dead-letter sink failed; the event is kept');
      return events.retry(id, failed + 1, clock.now() + SINK_FAILED_MS);
    }
    log.warn({ ...fields, topic }, 'event is a dead letter');
    return events.bury(id, topic, name, letter);
  }

  wake();
  return {
    wake,
    inFlight: () => inFlight.size,
    update(next) {
      current = next;
      wake();
    },
    async close() {
      closed = true;
      cancelTimer();
      const under = [...inFlight.values()];
      for (const { controller } of under) controller.abort(new Error('the Broker is closing'));
      await Promise.allSettled(under.map(({ over }) => over));
    },
  };
}
