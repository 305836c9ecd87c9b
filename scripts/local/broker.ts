import { systemClock, type Clock } from './clock.ts';
import { startDispatcher } from './dispatcher.ts';
import { type DeadLetter, type LoggedEvent, openEventLog } from './event-log.ts';
import { matches } from './filters.ts';
import { startIngress } from './ingress.ts';
import type { Log } from './log.ts';
import type { Subscriber, Trigger } from './manifests.ts';

export type { DeadLetter, LoggedEvent } from './event-log.ts';

export interface Answer {
  status: number;
  /** Names in lower case. */
  headers: Record<string, string>;
  body: Buffer;
}

/** Delivers one HTTP request to a Knative Service by name or a URI; rejects on network failure; must honour `signal`. */
export type Send = (
  to: Subscriber,
  request: { headers: Record<string, string>; body: Buffer },
  signal: AbortSignal,
) => Promise<Answer>;

export interface BrokerOptions {
  /** SQLite file; its folder must exist. */
  file: string;
  /** Name of the Broker: its ingress is `/<name>`. */
  name: string;
  /** Those of other Brokers are passed over. */
  triggers: Trigger[];
  send: Send;
  log: Log;
  /** How long an event is kept that has been delivered. */
  retentionMs?: number;
  clock?: Clock;
}

export interface Broker {
  /** `http://127.0.0.1:PORT/<name>`: POST a CloudEvent; 202 = it is on disk and will be delivered. */
  url: string;
  /** The newest, newest first. */
  deadLetters(): DeadLetter[];
  /** Events of the log after a place in it, oldest first, at most 10,000. */
  events(after: number): LoggedEvent[];
  /**
   * Delivers events of the log, by their `seq`, to one Trigger again and to no other; the promise is on disk. Gives how many were
   * queued: not those that the Trigger does not want or that wait for it already. Undefined when there is no such Trigger.
   */
  redeliver(trigger: string, seqs: number[]): Promise<number> | undefined;
  /** Deliveries by Trigger: `inFlight` are under way, `waiting` are for later or for a free place. */
  pending(): { trigger: string; waiting: number; inFlight: number }[];
  /** Resolves when nothing is due or in flight (what waits for its retry does not count), or after `limitMs`. */
  idle(limitMs: number): Promise<void>;
  /** Stops taking events and breaks off deliveries: they are made again at the next start. */
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;
const PRUNE_EVERY_MS = 600_000;
/** Small enough that nobody waits for it. */
const PRUNE_AT_ONCE = 1_000;
const SHOWN_DEAD_LETTERS = 1_000;
const SHOWN_EVENTS = 10_000;
const IDLE_EVERY_MS = 20;

/**
 * A Knative Broker for one machine: takes CloudEvents over HTTP, keeps them in SQLite and delivers them by its Triggers.
 * Deliveries that were not over when it was last stopped, or killed, go on.
 */
export async function openBroker({
  file,
  name,
  triggers,
  send,
  log,
  retentionMs = 7 * DAY_MS,
  clock = systemClock,
}: BrokerOptions): Promise<Broker> {
  const own = triggers.filter((trigger) => trigger.broker === name);
  const events = openEventLog({
    file,
    now: clock.now,
    route: (attributes) =>
      own.filter(({ filter }) => matches(filter, attributes)).map((trigger) => trigger.name),
    onNew: (names) => names.forEach((trigger) => dispatchers.get(trigger)?.wake()),
  });
  for (const [trigger, waiting] of events.waiting()) {
    if (own.some((one) => one.name === trigger)) continue;
    log.warn({ trigger, waiting }, 'events wait for a Trigger that is no longer there; they are kept');
  }
  const dispatchers = new Map(
    own.map((trigger) => [trigger.name, startDispatcher({ trigger, events, send, log, clock })]),
  );
  let cancelPruning = () => {};
  const prune = () => {
    let removed = 0;
    try {
      removed = events.prune(clock.now() - retentionMs, PRUNE_AT_ONCE);
    } catch (error) {
      log.error({ err: error }, 'old events could not be removed; tried again in ten minutes');
    }
    cancelPruning = clock.after(removed === PRUNE_AT_ONCE ? 0 : PRUNE_EVERY_MS, prune);
  };
  prune();
  const ingress = await startIngress({ path: `/${name}`, append: events.append, log });

  async function close() {
    cancelPruning();
    await ingress.close();
    await Promise.all([...dispatchers.values()].map((dispatcher) => dispatcher.close()));
    events.close();
  }
  let closing: Promise<void> | undefined;

  return {
    url: ingress.url,
    deadLetters: () => events.deadLetters(SHOWN_DEAD_LETTERS),
    events: (after) => events.list(after, SHOWN_EVENTS),
    redeliver: (trigger, seqs) => (dispatchers.has(trigger) ? events.redeliver(trigger, seqs) : undefined),
    pending() {
      const open = events.waiting();
      return [...dispatchers].map(([trigger, dispatcher]) => {
        const inFlight = dispatcher.inFlight();
        return { trigger, waiting: Math.max(0, (open.get(trigger) ?? 0) - inFlight), inFlight };
      });
    },
    async idle(limitMs) {
      const until = clock.now() + limitMs;
      const isBusy = () =>
        [...dispatchers].some(([name, { inFlight }]) => inFlight() > 0 || events.due(name, 1).length > 0);
      while (isBusy() && clock.now() < until) {
        await new Promise<void>((resolve) => void clock.after(IDLE_EVERY_MS, resolve));
      }
    },
    close: () => (closing ??= close()),
  };
}
