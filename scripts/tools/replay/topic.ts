import { setTimeout as sleep } from 'node:timers/promises';
import * as v from 'valibot';
import type { Cluster } from '../client/kafka-cluster.ts';
import { readTopic } from '../client/read-topic.ts';
import type { CloudEvent } from '../../events/cloud-event.ts';
import { matches, type Filter } from '../../events/trigger-filter.ts';
import { eventOf } from '../../events/kafka-record.ts';
import { deadLetterOf, describeFailure } from '../../events/delivery-outcome.ts';
import type { History, PastEvent } from './history.ts';

export interface TopicHistoryOptions {
  cluster: Cluster;
  form: string;
  /** The Trigger's present filter. */
  filter: Filter;
  /** The task's host in the cluster. */
  host: string;
  deadLetterTopic: string;
  /** Milliseconds since 1970; nothing before that is read. */
  from: number;
  say: (line: string) => void;
  /** Milliseconds between two tries while the task is unavailable. */
  againMs?: number;
}

interface TopicEvent extends PastEvent {
  event: CloudEvent;
}

const perPage = 500;
/** Offsets by partition. */
const Place = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.string()));

/** The forms' topic of a cluster. What the task fails on permanently becomes a dead letter, as when the Broker delivers it. */
export function openTopicHistory({
  cluster,
  form,
  filter,
  host,
  deadLetterTopic,
  from,
  say,
  againMs = 5_000,
}: TopicHistoryOptions): History<TopicEvent> {
  async function deliver(event: CloudEvent): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const outcome = await cluster.handOver(host, event);
      if (outcome.kind === 'done') return;
      const { failure } = outcome;
      if (outcome.kind === 'dead') {
        return cluster.write(deadLetterTopic, deadLetterOf(event, `http://${host}/`, failure));
      }
      const why = describeFailure(failure);
      if (tries === 60)
        throw new Error(`${host} is unavailable: ${why}; the same command continues from here`);
      say(`${host} is unavailable, will be retried: ${why}`);
      await sleep(againMs);
    }
  }

  const forms = new Set<string>();
  return {
    forms,
    async *pages(after, to) {
      const { client, formsTopic: topic } = cluster;
      const place = after === '' ? {} : v.parse(Place, after);
      let events: TopicEvent[] = [];
      for await (const record of readTopic({ client, topic, since: from, after: place })) {
        if (Number(record.timestamp) > to + 60_000) break;
        const event = eventOf(record, topic);
        const { id = '', form: of, time = '' } = event.attributes;
        if (of !== undefined) forms.add(of);
        place[record.partition] = String(BigInt(record.offset) + 1n);
        if (of === form && matches(filter, event.attributes))
          events.push({ id, time: Date.parse(time), event });
        if (events.length < perPage) continue;
        yield { events, place: JSON.stringify(place) };
        events = [];
      }
      if (events.length > 0) yield { events, place: JSON.stringify(place) };
    },
    async deliver(events) {
      await Promise.all(events.map(({ event }) => deliver(event)));
      return events.length;
    },
  };
}
