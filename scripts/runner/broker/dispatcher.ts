import { attempt, LOST, refusedBytes, urlOf } from '../delivery/attempt.ts';
import type { DeadLetterSink, Send } from '../delivery/send.ts';
import type { Clock } from '../delivery/clock.ts';
import type { CloudEvent } from '../../events/cloud-event.ts';
import { backoffMs } from '../../manifests/schemas/delivery-schema.ts';
import type { Delivery, EventLog } from './event-log/event-log.ts';
import { MAX_HEADER_BYTES, MAX_POLL_RECORDS } from '../../events/limits.ts';
import type { Log } from '../log.ts';
import type { Trigger } from '../../manifests/types.ts';
import { deadLetterOf, type Outcome, outcomeOf } from '../../events/delivery-outcome.ts';
import { openStandstill } from '../delivery/standstill.ts';

/** How long a delivery is left alone whose outcome could not be written, as on a full disk. */
const LOG_FAILED_MS = 1_000;

/** How long an event waits that its task and then the dead-letter sink refused; both are tried again then. */
const SINK_FAILED_MS = 10_000;

/** More than that waits in the log. */
const MAX_OFFERED = 200;

export interface Dispatcher {
  /** Takes what is new in the log, in its order. */
  offer(deliveries: Delivery[]): void;
  inFlight(): number;
  /** Something is under way, or there is something to deliver and a place for it. */
  isBusy(): boolean;
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

/** A delivery that holds a place. */
interface Held {
  id: number;
  seq: number;
  failed: number;
  /** Ends the wait for the retry. */
  stopWaiting: () => void;
  underWay: { controller: AbortController; over: Promise<void> } | undefined;
}

/** Delivers a Trigger's events, in the order of the log, until they are done, retried in vain, or refused. */
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
  const held = new Map<number, Held>();
  let inFlight = 0;
  /** All up to this one are held or over. */
  let polled = 0;
  let hasMore = true;
  /** While the log has no more: what has come since, so that it need not be asked. */
  let offered: Delivery[] = [];
  let pumping = false;
  let closed = false;
  const tellStandstill = openStandstill({ who: `Trigger ${name}`, log, fields: { trigger: name } });

  /** Forgets what was offered: the log has it. */
  function wake() {
    hasMore = true;
    offered = [];
    schedule();
  }

  function offer(deliveries: Delivery[]) {
    if (!hasMore) offered.push(...deliveries);
    if (offered.length > MAX_OFFERED) wake();
    else schedule();
  }

  function schedule() {
    if (pumping || !canPoll()) return;
    pumping = true;
    setImmediate(pump);
  }

  function canPoll(): boolean {
    return (
      !closed && current !== undefined && (hasMore || offered.length > 0) && held.size < MAX_POLL_RECORDS
    );
  }

  function pump() {
    pumping = false;
    while (canPoll()) {
      const rows = take();
      for (const { id, seq, failed, nextAt } of rows) {
        polled = id;
        if (held.has(id)) continue;
        const one: Held = { id, seq, failed, stopWaiting: () => {}, underWay: undefined };
        held.set(id, one);
        startAt(nextAt, one);
      }
      tellRetried();
    }
  }

  function take(): Delivery[] {
    if (!hasMore) return offered.splice(0, MAX_POLL_RECORDS);
    const rows = events.poll(name, polled, MAX_POLL_RECORDS);
    hasMore = rows.length === MAX_POLL_RECORDS;
    return rows;
  }

  /** Timers may ring early, or end before a long wait does. */
  function startAt(at: number, one: Held) {
    const waitMs = at - clock.now();
    if (waitMs > 0) one.stopWaiting = clock.after(waitMs, () => startAt(at, one));
    else start(one);
  }

  function start(one: Held) {
    if (!current) return release(one);
    const controller = new AbortController();
    inFlight += 1;
    const over = deliver(one, current, controller).then((nextAt) => {
      one.underWay = undefined;
      inFlight -= 1;
      if (closed) return;
      if (nextAt === undefined || !current) return release(one);
      startAt(nextAt, one);
      tellRetried();
    });
    one.underWay = { controller, over };
  }

  function release({ id }: Held) {
    held.delete(id);
    schedule();
  }

  /** Returns when to deliver it again; undefined = it is over. */
  async function deliver(
    one: Held,
    trigger: Trigger,
    controller: AbortController,
  ): Promise<number | undefined> {
    try {
      const read = events.read(one.seq);
      if (!read) return undefined;
      const { attributes, data } = read;
      // `CloudEventOverridesMutator`. The log here is one partition.
      const place = { knativekafkapartition: '0', knativekafkaoffset: String(one.seq) };
      const event = { attributes: { ...attributes, ...place }, data };
      const { subscriber: to, delivery } = trigger;
      const { timeoutMs } = delivery;
      const outcome = await attempt({ event, to, timeoutMs, judge: outcomeOf, send, clock, controller });
      if (closed && outcome.kind === 'retry') return undefined;
      return await settle(one, trigger, event, outcome);
    } catch (error) {
      log.error(
        { trigger: name, delivery: one.id, error: String(error) },
        'the event log failed; will be delivered again',
      );
      return clock.now() + LOG_FAILED_MS;
    }
  }

  async function settle(
    one: Held,
    { subscriber, delivery }: Trigger,
    event: CloudEvent,
    outcome: Outcome,
  ): Promise<number | undefined> {
    if (outcome.kind === 'done') return done(events.finish(name, one.id));
    if (outcome.kind === 'reply') return done(events.finish(name, one.id, outcome.event));
    const { failure } = outcome;
    const { code, reason } = failure;
    const failed = one.failed + 1;
    const fields = { trigger: name, id: event.attributes['id'], code, ...(reason && { reason }), failed };
    if (outcome.kind === 'retry' && failed <= delivery.retry) {
      const waitMs = backoffMs(delivery, failed);
      log.info({ ...fields, waitMs }, 'delivery failed, will be retried');
      return retry(waitMs);
    }
    const { deadLetterTopic: topic, deadLetterSink: sink } = delivery;
    if (topic === undefined || sink === undefined) {
      log.error(fields, 'event dropped: it cannot be delivered and the Trigger has no dead-letter sink');
      return done(events.finish(name, one.id));
    }
    const letter = deadLetterOf(event, urlOf(subscriber), failure);
    const bytes = refusedBytes(letter);
    try {
      if (bytes === undefined) await deadLetterSink(sink, letter);
    } catch (error) {
      log.error({ ...fields, error: String(error) }, 'the dead-letter sink failed; the event is kept');
      return retry(SINK_FAILED_MS);
    }
    if (bytes === undefined) log.warn({ ...fields, topic }, 'event is a dead letter');
    else log.error({ ...fields, sink, bytes, limit: MAX_HEADER_BYTES }, LOST);
    return done(events.bury(one.id, topic, name, letter));

    async function retry(waitMs: number): Promise<number> {
      const at = clock.now() + waitMs;
      await events.retry(one.id, failed, at);
      one.failed = failed;
      return at;
    }
  }

  function tellRetried() {
    tellStandstill([...held.values()].filter(({ failed }) => failed > 0).length);
  }

  wake();
  return {
    offer,
    inFlight: () => inFlight,
    isBusy: () => inFlight > 0 || pumping || canPoll(),
    update(next) {
      current = next;
      if (next) return wake();
      for (const one of [...held.values()].filter(({ underWay }) => !underWay)) {
        one.stopWaiting();
        held.delete(one.id);
      }
      // One that comes back finds them again.
      polled = 0;
    },
    async close() {
      closed = true;
      for (const { stopWaiting } of held.values()) stopWaiting();
      const under = [...held.values()].flatMap(({ underWay }) => underWay ?? []);
      for (const { controller } of under) controller.abort(new Error('the Broker is closing'));
      await Promise.all(under.map(({ over }) => over));
    },
  };
}

async function done(written: Promise<void>): Promise<undefined> {
  await written;
}
