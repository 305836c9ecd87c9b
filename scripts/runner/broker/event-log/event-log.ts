import * as v from 'valibot';
import type { CloudEvent } from '../../../events/cloud-event.ts';
import { openCounts } from './counts.ts';
import { openEventDatabase } from './event-database.ts';
import type { Attributes } from '../../../events/trigger-filter.ts';
import {
  LoggedRow,
  AttributesRow,
  PolledRow,
  TriggerRow,
  PlaceRow,
  ReadRow,
  DeadLetterRow,
  shownDeadLetter,
  type DeadLetter,
  type LoggedEvent,
} from './rows.ts';
import { prepareStatements } from './statements.ts';
import { openWriter } from './writer.ts';

export interface EventLogOptions {
  /** SQLite file; its folder must exist. */
  file: string;
  /** Names of the Triggers that an event is for. */
  route: (attributes: Attributes) => string[];
  /** Called after the commit with the Triggers that have something new to deliver. */
  onNew: (triggers: string[]) => void;
  now: () => number;
}

export type EventLog = Awaited<ReturnType<typeof openEventLog>>;

/**
 * Events, what is still to be delivered of them, and dead letters. What a writing function promises is on disk when its promise
 * resolves: neither kill -9 nor a power cut undoes it. `finish` and `retry` wait for no disk: kill -9 undoes neither; after a power
 * cut a delivery may stand there as if it had not been tried, is made again, and its reply is stored again. Writes asked for in one turn
 * of the event loop share one transaction.
 * @throws Error when the file is in use by another process, or of another version
 */
export async function openEventLog({ file, route, onNew, now }: EventLogOptions) {
  const db = openEventDatabase(file);
  const sql = prepareStatements(db);

  const waiting = await openCounts(db, { table: 'deliveries', column: 'trigger' });
  const letters = await openCounts(db, { table: 'dead_letters', column: 'topic' });
  const { write, commit } = openWriter(db, (isCommitted) => {
    waiting.settle(isCommitted);
    letters.settle(isCommitted);
  });
  /** How far the events were looked at that are old enough to go. */
  let pruned = NOWHERE;

  function insert({ attributes, data }: CloudEvent, triggers: string[]) {
    const at = now();
    const { lastInsertRowid: seq } = sql.event.run(at, JSON.stringify(attributes), data);
    for (const trigger of triggers) {
      sql.delivery.run(seq, trigger, at);
      waiting.change(trigger, 1);
    }
  }

  function end(id: number) {
    const row = sql.finish.get(id);
    if (row) waiting.change(v.parse(TriggerRow, row).trigger, -1);
  }

  /** In transactions of a few milliseconds each. */
  async function writeEach(all: number[], one: (of: number) => void) {
    for (let first = 0; first < all.length; first += WRITTEN_AT_ONCE) {
      await write(() => all.slice(first, first + WRITTEN_AT_ONCE).forEach(one));
    }
  }

  return {
    /** Stores an event together with a delivery for each Trigger that it is for. */
    async append(event: CloudEvent): Promise<void> {
      const triggers = route(event.attributes);
      await write(() => insert(event, triggers));
      onNew(triggers);
    },

    /** Deliveries whose ids are above `after`, which is the order they were asked for in; `nextAt`: when each is due. */
    poll(trigger: string, after: number, limit: number): { id: number; failed: number; nextAt: number }[] {
      const rows = sql.poll.all(trigger, after, limit).map((row) => v.parse(PolledRow, row));
      return rows.map(({ next_at: nextAt, ...row }) => ({ ...row, nextAt }));
    },

    /** A delivery's event and its place in the log; undefined when it is over. */
    read(id: number): { seq: number; event: CloudEvent } | undefined {
      const row = sql.read.get(id);
      if (row === undefined) return undefined;
      const { seq, attributes, data } = v.parse(ReadRow, row);
      return { seq, event: { attributes, data } };
    },

    /** Ends a delivery; a reply is stored in the same transaction. */
    async finish(id: number, reply?: CloudEvent): Promise<void> {
      const triggers = reply ? route(reply.attributes) : [];
      await write(
        () => {
          if (reply) insert(reply, triggers);
          end(id);
        },
        { isSynced: false },
      );
      onNew(triggers);
    },

    /** Queues events of the log again for one Trigger, unless it does not want them, waits for them, or they are pruned. Returns how many. */
    async redeliver(trigger: string, seqs: number[]): Promise<number> {
      let queued = 0;
      await writeEach(seqs, (seq) => {
        const row = sql.attributes.get(seq);
        if (row === undefined || !route(v.parse(AttributesRow, row).attributes).includes(trigger)) return;
        if (sql.redeliver.run(seq, trigger, now()).changes === 0) return;
        waiting.change(trigger, 1);
        queued += 1;
      });
      onNew([trigger]);
      return queued;
    },

    /** Puts a delivery off until `at`, milliseconds since 1970. */
    retry: (id: number, failed: number, at: number) =>
      write(() => void sql.retry.run(failed, at, id), { isSynced: false }),

    /** Ends a delivery, if there is one, and keeps its event as a dead letter, in one transaction. */
    bury: (id: number | undefined, topic: string, trigger: string, { attributes, data }: CloudEvent) =>
      write(() => {
        sql.bury.run(topic, trigger, now(), JSON.stringify(attributes), data);
        letters.change(topic, 1);
        if (id !== undefined) end(id);
      }),

    /** The newest dead letters whose ids are below `before`, newest first. */
    deadLetters: (before: number, limit: number): DeadLetter[] =>
      sql.deadLetters
        .all(before, limit)
        .map((row) => v.parse(DeadLetterRow, row))
        .map(shownDeadLetter),

    /**
     * Queues the events of dead letters again, each for the Trigger that it failed for and once only, whatever is asked how often.
     * By the attribute `redriven` the task knows that a person wants it tried again, and by which decision: however often
     * that is delivered, it is the same. Returns how many were queued: not those that were queued before, or whose Trigger is not
     * among `triggers`.
     */
    async redrive(ids: number[], triggers: string[]): Promise<number> {
      let queued = 0;
      await writeEach(ids, (id) => {
        const row = sql.deadLetter.get(id);
        if (row === undefined) return;
        const { trigger, attributes, data } = v.parse(DeadLetterRow, row);
        if (!triggers.includes(trigger)) return;
        const isReason = (name: string) => name.startsWith('knativeerror');
        const own = Object.fromEntries(Object.entries(attributes).filter(([name]) => !isReason(name)));
        insert({ attributes: { ...own, redriven: String(id) }, data }, [trigger]);
        sql.redriven.run(now(), id);
        queued += 1;
      });
      onNew(triggers);
      return queued;
    },

    /** Events after a place in the log, oldest first. */
    list: (after: number, limit: number): LoggedEvent[] =>
      sql.list
        .all(after, limit)
        .map((row) => v.parse(LoggedRow, row))
        .map((row) => ({ ...row, triggers: route(row.attributes) })),

    /** Deliveries that are not over, by Trigger. */
    waiting: waiting.current,

    /** Dead letters so far, by topic. */
    letters: letters.current,

    /**
     * Looks at the next `atOnce` events that came before `before`, the oldest first, and removes those that have nothing left to deliver.
     * Returns whether there may be more of them; with the last of them it begins again.
     */
    prune(before: number, atOnce: number): boolean {
      const { received_at: age, seq } = pruned;
      const row = sql.pruneTo.get(age, seq, before, atOnce - 1);
      const to = row ? v.parse(PlaceRow, row) : { received_at: before, seq: 0 };
      sql.prune.run(age, seq, to.received_at, to.seq);
      pruned = row ? to : NOWHERE;
      return row !== undefined;
    },

    /** Commits what waits and closes the file. May be called again. */
    close() {
      if (!db.isOpen) return;
      commit();
      db.close();
    },
  };
}

const WRITTEN_AT_ONCE = 200;

/** Before the first event. */
const NOWHERE = { received_at: 0, seq: 0 };
