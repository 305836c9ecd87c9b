import { systemClock, type Clock } from '../delivery/clock.ts';
import type { CloudEvent } from '../../events/cloud-event.ts';
import { startDispatcher } from './dispatcher.ts';
import { openEventLog } from './event-log/event-log.ts';
import type { DeadLetter, LoggedEvent } from './event-log/rows.ts';
import type { DeadLetterSink, Send } from '../delivery/send.ts';
import { matches } from '../../events/trigger-filter.ts';
import { type Ingress, startIngress } from './ingress.ts';
import type { Log } from '../log.ts';
import type { Trigger } from '../../manifests/types.ts';

export interface BrokerOptions {
  /** SQLite file; its folder must exist. */
  file: string;
  /** Name of the Broker: its ingress is `/<name>`. */
  name: string;
  /** Those of other Brokers are passed over. */
  triggers: Trigger[];
  send: Send;
  /** Where dead letters go apart from this Broker's own file; undefined without a Kafka. */
  deadLetterSink?: DeadLetterSink;
  log: Log;
  /** How long an event is kept that has been delivered. */
  retentionMs?: number;
  clock?: Clock;
}

export interface Broker {
  /** `http://127.0.0.1:PORT/<name>`: POST a CloudEvent; 202 = it is on disk and will be delivered. */
  url: string;
  /** What a POST to `url` does and is answered, without HTTP. */
  post: Ingress['post'];
  /** Keeps a dead letter that a task made itself, as one of the Trigger that brought it the event. The promise is on disk. */
  keepTaskLetter(topic: string, letter: CloudEvent): Promise<void>;
  /** The newest 1,000 whose ids are below `before`, newest first. */
  deadLetters(before?: number): DeadLetter[];
  /**
   * Delivers the events of dead letters again, each to the Trigger that it failed for and once; the promise is on disk. Returns how
   * many were queued: not those that were before, or whose Trigger is gone.
   */
  redrive(ids: number[]): Promise<number>;
  /** Events of the log after a place in it, oldest first, at most 1,000. */
  events(after: number): LoggedEvent[];
  /**
   * Delivers events of the log, by their `seq`, to one Trigger again and to no other; the promise is on disk. Returns how many were
   * queued: not those that the Trigger does not want or that wait for it already. Undefined when there is no such Trigger.
   */
  redeliver(trigger: string, seqs: number[]): Promise<number> | undefined;
  /**
   * Keeps a dead letter that no KafkaSink takes. `source`: the KafkaSource that gave the event up; there is no Trigger to deliver it
   * to again.
   */
  keepLetter(source: string, topic: string, letter: CloudEvent): Promise<void>;
  /** Deliveries by Trigger: `inFlight` are under way, `waiting` are for later or for a free place. */
  pending(): { trigger: string; waiting: number; inFlight: number }[];
  /** How many dead letters there were so far, by topic; none of a topic without any. */
  letters(): Map<string, number>;
  /** Resolves when nothing is in flight and nothing that has a place is due (what waits for a retry, or behind such, does not count), or after `limitMs`. */
  idle(limitMs: number): Promise<void>;
  /** From now on there are these Triggers. Deliveries under way are finished; events that wait for a Trigger that is gone are kept. */
  reconcile(triggers: Trigger[]): void;
  /** Stops taking events and breaks off deliveries: they are made again at the next start. */
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;
const PRUNE_EVERY_MS = 600_000;
/** Small enough that nothing waits for it. */
const PRUNE_AT_ONCE = 1_000;
const SHOWN_DEAD_LETTERS = 1_000;
const SHOWN_EVENTS = 1_000;
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
  deadLetterSink = async () => {},
  log,
  retentionMs = 7 * DAY_MS,
  clock = systemClock,
}: BrokerOptions): Promise<Broker> {
  const ofThis = (all: Trigger[]) =>
    new Map(all.filter(({ broker }) => broker === name).map((trigger) => [trigger.name, trigger]));
  let own = ofThis(triggers);
  const events = await openEventLog({
    file,
    now: clock.now,
    route: (attributes) =>
      [...own.values()].filter(({ filter }) => matches(filter, attributes)).map((trigger) => trigger.name),
    onNew: (trigger, deliveries) => dispatchers.get(trigger)?.offer(deliveries),
  });
  const tellKept = (isGone: (trigger: string) => boolean) => {
    for (const [trigger, waiting] of events.waiting()) {
      if (!isGone(trigger)) continue;
      log.warn({ trigger, waiting }, 'events wait for a Trigger that was removed; they are kept');
    }
  };
  tellKept((trigger) => !own.has(trigger));
  const start = (trigger: Trigger) => startDispatcher({ trigger, events, send, deadLetterSink, log, clock });
  /** Those of Triggers that are gone stay: one that comes back finds what is still under way. */
  const dispatchers = new Map([...own].map(([name, trigger]) => [name, start(trigger)]));
  let cancelPruning = () => {};
  const prune = () => {
    let isMore = false;
    try {
      isMore = events.prune(clock.now() - retentionMs, PRUNE_AT_ONCE);
    } catch (error) {
      log.error({ err: error }, 'old events could not be removed; tried again in ten minutes');
    }
    cancelPruning = clock.after(isMore ? 0 : PRUNE_EVERY_MS, prune);
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
    post: ingress.post,
    keepTaskLetter: (topic, letter) => events.bury(undefined, topic, bringerOf(letter, own.values()), letter),
    deadLetters: (before = Number.MAX_SAFE_INTEGER) => events.deadLetters(before, SHOWN_DEAD_LETTERS),
    redrive: (ids) => events.redrive(ids, [...own.keys()]),
    events: (after) => events.list(after, SHOWN_EVENTS),
    redeliver: (trigger, seqs) => (own.has(trigger) ? events.redeliver(trigger, seqs) : undefined),
    keepLetter: (source, topic, letter) => events.bury(undefined, topic, source, letter),
    pending() {
      const open = events.waiting();
      return [...own.keys()].map((trigger) => {
        const inFlight = dispatchers.get(trigger)?.inFlight() ?? 0;
        return { trigger, waiting: Math.max(0, (open.get(trigger) ?? 0) - inFlight), inFlight };
      });
    },
    letters: events.letters,
    async idle(limitMs) {
      const until = clock.now() + limitMs;
      const isBusy = () => [...dispatchers.values()].some((dispatcher) => dispatcher.isBusy());
      while (isBusy() && clock.now() < until) {
        await new Promise<void>((resolve) => void clock.after(IDLE_EVERY_MS, resolve));
      }
    },
    reconcile(triggers) {
      const before = own;
      own = ofThis(triggers);
      for (const [name, trigger] of own) {
        const dispatcher = dispatchers.get(name);
        if (dispatcher) dispatcher.update(trigger);
        else dispatchers.set(name, start(trigger));
      }
      const isGone = (name: string) => before.has(name) && !own.has(name);
      for (const [name, dispatcher] of dispatchers) if (isGone(name)) dispatcher.update(undefined);
      tellKept(isGone);
    },
    close: () => (closing ??= close()),
  };
}

/** The Trigger that brought a task its event, or the task's own name if that is gone. */
function bringerOf({ attributes }: CloudEvent, triggers: Iterable<Trigger>): string {
  const destination = attributes['knativeerrordest'] ?? '';
  const [task = ''] = URL.canParse(destination) ? new URL(destination).host.split('.') : [];
  const bringer = [...triggers].find(
    ({ subscriber, filter }) =>
      'service' in subscriber && subscriber.service === task && matches(filter, attributes),
  );
  return bringer?.name ?? task;
}
