import type { CloudEventV1 } from 'cloudevents';
import * as v from 'valibot';
import { belongsTo } from '../../../functions/lib/buffer/erasure.ts';
import { keys } from '../../../functions/lib/buffer/keys.ts';
import { connectRedis } from '../../../functions/lib/stores/redis-address.ts';
import { call } from '../client/call.ts';
import { LoggedEvents } from '../client/logged-events.ts';
import { connectArchive, isNotMadeYet, type Archive } from '../client/database.ts';
import { redisFailure } from '../client/redis.ts';
import { connectionsOf } from '../client/running.ts';

interface Found {
  form: string;
  sheet: string;
}

/** What became of the event, by the names of the tasks' Triggers. */
export interface Told {
  done: string[];
  waiting: string[];
  dead: string[];
}

/** The places where a Formbus may keep something of a submission. All reject with an Error that says what to do. */
export interface Stores {
  archived(id: string): Promise<(Found & { isForgotten: boolean }) | undefined>;
  /** Reads the log: the submission, when its last event was received, and the log's end. */
  logged(id: string): Promise<{ submission: Found | undefined; received: string | undefined; end: number }>;
  publish(event: CloudEventV1<unknown>): Promise<void>;
  /** @param after the event stands after this place in the log */
  told(id: string, after: number): Promise<Told>;
  isErasing(spreadsheetId: string, id: string): Promise<boolean>;
  flush(): Promise<void>;
  unreachable(id: string, received: string | undefined): Promise<string[]>;
  close(): Promise<void>;
}

const DeadLetters = v.array(v.object({ id: v.number(), attributes: v.looseObject({ id: v.string() }) }));
const Archived = v.array(v.object({ form: v.string(), sheet: v.string(), isForgotten: v.boolean() }));

/** How long to wait for an answer of Formbus, in milliseconds. */
const answerMs = 30_000;

/** @throws Error when Formbus does not answer at `url`, or its archive or Redis cannot be reached */
export async function openStores(url: string): Promise<Stores> {
  const connections = await connectionsOf(url);
  const archive = await connectArchive(url);
  const redis = connectRedis(connections.redis, process.env['REDIS_PASSWORD'], { maxRetriesPerRequest: 1 });
  redis.on('error', () => {});

  async function* eventsAfter(place: number) {
    for (;;) {
      const page = await call(LoggedEvents, url, `/_/events?after=${place}`);
      const last = page.at(-1);
      if (!last) return;
      place = last.seq;
      yield page;
    }
  }

  return {
    archived: (id) => archivedIn(archive, id),
    async logged(id) {
      let submission: Found | undefined;
      let received: string | undefined;
      let end = 0;
      for await (const page of eventsAfter(0)) {
        for (const { seq, attributes } of page) {
          end = seq;
          const { form, sheet, type, time } = attributes;
          if (type === 'form.forgotten' || !belongsTo(attributes.id, id)) continue;
          received = time;
          if (attributes.id === id && form !== undefined && sheet !== undefined) submission = { form, sheet };
        }
      }
      return { submission, received, end };
    },
    async publish(event) {
      const headers = { 'content-type': 'application/cloudevents+json' };
      const answer = await fetch(connections.broker, {
        method: 'POST',
        headers,
        body: JSON.stringify(event),
        signal: AbortSignal.timeout(answerMs),
      });
      if (!answer.ok) throw new Error(`the Broker answered ${answer.status}: ${await answer.text()}`);
    },
    async told(id, after) {
      for await (const page of eventsAfter(after)) {
        const event = page.findLast(({ attributes }) => attributes.id === `${id}/forgotten`);
        if (!event) continue;
        const { triggers, waiting, dead } = event;
        const failed = dead.filter((trigger) => !waiting.includes(trigger));
        const done = triggers.filter((trigger) => !waiting.includes(trigger) && !failed.includes(trigger));
        return { done, waiting, dead: failed };
      }
      return { done: [], waiting: ['the Broker'], dead: [] };
    },
    isErasing: (spreadsheetId, id) =>
      redis.sismember(keys.erase + spreadsheetId, id).then(
        (count) => count === 1,
        (cause: unknown) => {
          throw redisFailure(connections.redis, cause);
        },
      ),
    async flush() {
      // If it fails, the next minute's flush makes up for it.
      const signal = AbortSignal.timeout(answerMs);
      await fetch(`${url}/_/schedules/sheets-flush`, { method: 'POST', signal }).catch(() => {});
    },
    async unreachable(id, received) {
      const letters = await deadLettersOf(url, id);
      return [
        ...(received === undefined
          ? []
          : [`the Broker's log: the event of ${received}, for 7 days from then`]),
        ...(letters === 0 ? [] : [`dead letters: ${letters}, which are kept; see npm run dead-letters`]),
        ...(connections.kafka === null
          ? []
          : ['Kafka: its events in the topics, until their retention ends']),
        "backups, Google's version history, sent mails",
        'the count of mails to its sender, kept for two days under a hash of the address',
        'the write-ahead logs of Redis and PostgreSQL, until they rewrite them',
      ];
    },
    async close() {
      redis.disconnect();
      await archive.close();
    },
  };
}

/** What the archive has of a submission. */
export async function archivedIn(
  archive: Archive,
  id: string,
): Promise<Awaited<ReturnType<Stores['archived']>>> {
  try {
    const { rows } = await archive.query(
      'SELECT form, sheet, data IS NULL AS "isForgotten" FROM submissions WHERE id = $1',
      [id],
    );
    return v.parse(Archived, rows)[0];
  } catch (error) {
    if (isNotMadeYet(error)) return undefined;
    throw error;
  }
}

async function deadLettersOf(url: string, id: string): Promise<number> {
  let count = 0;
  for (let before = Number.MAX_SAFE_INTEGER; ;) {
    const page = await call(
      DeadLetters,
      url,
      `/_/dead-letters?before=${Math.min(before, 999_999_999_999_999)}`,
    );
    const last = page.at(-1);
    if (!last) return count;
    before = last.id;
    count += page.filter(({ attributes }) => belongsTo(attributes.id, id)).length;
  }
}
