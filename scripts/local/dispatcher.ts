import type { Answer, Send } from './broker.ts';
import type { Clock } from './clock.ts';
import { binaryRequest, type Event } from './cloud-event.ts';
import { backoffMs } from './delivery.ts';
import type { EventLog } from './event-log.ts';
import type { Log } from './log.ts';
import type { Subscriber, Trigger } from './manifests.ts';
import { failureAttributes, noAnswer, type Outcome, outcomeOf } from './outcome.ts';

/**
 * Events of one Trigger under way at once: what Knative's Kafka dispatcher polls at most (`max.poll.records`), so that a task
 * meets here the concurrency that it meets there. An event that waits for its retry takes no place.
 */
export const MAX_IN_FLIGHT = 50;

/** How long a delivery is left alone whose outcome could not be written, as on a full disk. */
const LOG_FAILED_MS = 1_000;

export interface Dispatcher {
  /** Says that something may have come due. */
  wake(): void;
  inFlight(): number;
  /** Breaks off what is in flight: it is delivered again at the next start. */
  close(): Promise<void>;
}

export interface DispatcherOptions {
  trigger: Trigger;
  events: EventLog;
  send: Send;
  log: Log;
  clock: Clock;
}

/** Delivers a Trigger's events until they are done, retried in vain, or refused. */
export function startDispatcher({ trigger, events, send, log, clock }: DispatcherOptions): Dispatcher {
  const { name, subscriber, delivery } = trigger;
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
    // The first 50 that are due hold at least as many as there are places, for at most the others are in flight.
    const due = inFlight.size < MAX_IN_FLIGHT ? events.due(name, MAX_IN_FLIGHT) : [];
    for (const id of due.filter((id) => !inFlight.has(id)).slice(0, MAX_IN_FLIGHT - inFlight.size)) start(id);
    // With all places taken, the next one that gets free looks again.
    if (inFlight.size === MAX_IN_FLIGHT) return;
    const next = events.nextDue(name);
    if (next !== undefined) cancelTimer = clock.after(next - clock.now(), wake);
  }

  function start(id: number) {
    const controller = new AbortController();
    const over = deliver(id, controller).finally(() => {
      inFlight.delete(id);
      wake();
    });
    inFlight.set(id, { controller, over });
  }

  async function deliver(id: number, controller: AbortController): Promise<void> {
    try {
      const read = events.read(id);
      if (!read) return;
      const outcome = await attempt(read.event, controller);
      if (outcome !== 'broken off') await settle(id, read, outcome);
    } catch (error) {
      log.error(
        { trigger: name, delivery: id, error: String(error) },
        'the event log failed; will be delivered again',
      );
      if (!closed) await new Promise<void>((resolve) => void clock.after(LOG_FAILED_MS, resolve));
    }
  }

  async function attempt(event: Event, controller: AbortController): Promise<Outcome | 'broken off'> {
    const { signal } = controller;
    const tooLate = new Error(`no answer within ${delivery.timeoutMs} ms`);
    const cancel = clock.after(delivery.timeoutMs, () => controller.abort(tooLate));
    try {
      const { headers, body } = binaryRequest(event);
      // As Knative's dispatchers do: it says that an event in the answer is welcome.
      const request = { headers: { ...headers, prefer: 'reply' }, body };
      return outcomeOf(await orAborted(send(subscriber, request, signal), signal));
    } catch (error) {
      return closed ? 'broken off' : noAnswer(signal.aborted ? signal.reason : error);
    } finally {
      cancel();
    }
  }

  async function settle(id: number, { event, failed }: { event: Event; failed: number }, outcome: Outcome) {
    if (outcome.kind === 'done') return events.finish(id);
    if (outcome.kind === 'reply') return events.finish(id, outcome.event);
    const { failure } = outcome;
    const fields = { trigger: name, id: event.attributes['id'], code: failure.code, failed: failed + 1 };
    if (outcome.kind === 'retry' && failed < delivery.retry) {
      const waitMs = backoffMs(delivery, failed + 1);
      log.info({ ...fields, waitMs }, 'delivery failed, will be retried');
      return events.retry(id, failed + 1, clock.now() + waitMs);
    }
    if (delivery.deadLetterTopic === undefined) {
      log.error(fields, 'event dropped: it cannot be delivered and the Trigger has no dead-letter sink');
      return events.finish(id);
    }
    log.warn({ ...fields, topic: delivery.deadLetterTopic }, 'event is a dead letter');
    const attributes = { ...event.attributes, ...failureAttributes(urlOf(subscriber), failure) };
    return events.bury(id, delivery.deadLetterTopic, name, { attributes, data: event.data });
  }

  wake();
  return {
    wake,
    inFlight: () => inFlight.size,
    async close() {
      closed = true;
      cancelTimer();
      const under = [...inFlight.values()];
      for (const { controller } of under) controller.abort(new Error('the Broker is closing'));
      await Promise.allSettled(under.map(({ over }) => over));
    },
  };
}

/** A sender that overlooks its signal holds nobody up. */
async function orAborted(answer: Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop);
  });
  try {
    return await Promise.race([answer, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function urlOf(subscriber: Subscriber): string {
  return 'uri' in subscriber ? subscriber.uri : `http://${subscriber.service}${subscriber.path}`;
}
