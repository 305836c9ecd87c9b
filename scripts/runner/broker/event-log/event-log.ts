import * as v from 'valibot';
import type { CloudEvent } from '../../../events/cloud-event.ts';
import { openCounts } from './counts.ts';
import { openDisk } from './disk.ts';
import { openEventDatabase } from './event-database.ts';
import type { Attributes } from '../../../events/trigger-filter.ts';
import {
  LoggedRow,
  AttributesRow,
  PolledRow,
  PlaceRow,
  ReadRow,
  DeadLetterRow,
  shownDeadLetter,
  type DeadLetter,
  type LoggedEvent,
} from './rows.ts';
import { openRecentEvents } from './recent-events.ts';
import { prepareStatements } from './statements.ts';
import { openWriter } from './writer.ts';

export interface EventLogOptions {
  /** SQLite file; its folder must exist. */
  file: string;
  /** Names of the Triggers that an event is for. */
  route: (attributes: Attributes) => string[];
  /** Called after each commit, for each Trigger with all that is new for it, in the order in which `poll` would return it. */
  onNew: (trigger: string, deliveries: Delivery[]) => void;
  now: () => number;
  /** Default: `fdatasync`. */
  sync?: Parameters<typeof openDisk>[2];
}

/** What is still to be delivered. */
export interface Delivery {
  /** Counts up: deliveries are made in this order. */
  id: number;
  /** The event's place in the log. */
  seq: number;
  failed: number;
  /** When it is due, milliseconds since 1970. */
  nextAt: number;
}

export type EventLog = Awaited<ReturnType<typeof openEventLog>>;

/**
 * Events, what is still to be delivered of them, and dead letters. What a writing function promises is on disk when its promise
 * resolves: neither kill -9 nor a power cut undoes it. `finish` and `retry` wait for no disk: kill -9 undoes neither; after a power
 * cut a delivery may stand there as if it had not been tried, is made again, and its reply is stored again. Writes asked for in one turn
 * of the event loop share one transaction.
 * @throws Error when the file is in use by another process, or of another version
 */
export async function openEventLog({ file, route, onNew, now, sync }: EventLogOptions) {
  const db = openEventDatabase(file);
  const sql = prepareStatements(db);

  const waiting = await openCounts(db, { table: 'deliveries', column: 'trigger' });
  const letters = await openCounts(db, { table: 'dead_letters', column: 'topic' });
  /** Of the transaction under way. */
  let fresh: (Delivery & { trigger: string })[] = [];
  const recent = openRecentEvents();
  const disk = openDisk(db, `${file}-wal`, sync);
  const { write, commit } = openWriter(db, disk, (isCommitted) => {
    waiting.settle(isCommitted);
    letters.settle(isCommitted);
    const told = isCommitted ? Map.groupBy(fresh, ({ trigger }) => trigger) : [];
    fresh = [];
    for (const [trigger, deliveries] of told) onNew(trigger, deliveries);
  });
  /** How far the events were looked at that are old enough to go. */
  let pruned = NOWHERE;

  function insert({ attributes, data }: CloudEvent, triggers: string[]) {
    const at = now();
    const { lastInsertRowid: seq } = sql.event.run(at, JSON.stringify(attributes), data);
    recent.keep(Number(seq), { attributes, data });
    for (const trigger of triggers)
      queue(trigger, Number(seq), at, sql.delivery.run(seq, trigger, at).lastInsertRowid);
  }

  function queue(trigger: string, seq: number, nextAt: number, id: number | bigint) {
    fresh.push({ trigger, id: Number(id), seq, failed: 0, nextAt });
    waiting.change(trigger, 1);
  }

  function end(trigger: string, id: number) {
    if (sql.finish.run(id).changes > 0) waiting.change(trigger, -1);
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
    },

    /** Deliveries whose ids are above `after`, in their order. */
    poll(trigger: string, after: number, limit: number): Delivery[] {
      const rows = sql.poll.all(trigger, after, limit).map((row) => v.parse(PolledRow, row));
      return rows.map(({ event: seq, next_at: nextAt, ...row }) => ({ ...row, seq, nextAt }));
    },

    /** The event at a place in the log. */
    read(seq: number): CloudEvent | undefined {
      const kept = recent.find(seq);
      if (kept) return kept;
      const row = sql.read.get(seq);
      return row && v.parse(ReadRow, row);
    },

    /** Ends a delivery of a Trigger; a reply is stored in the same transaction. */
    async finish(trigger: string, id: number, reply?: CloudEvent): Promise<void> {
      const triggers = reply ? route(reply.attributes) : [];
      await write(
        () => {
          if (reply) insert(reply, triggers);
          end(trigger, id);
        },
        { isSynced: false, mayWait: !reply },
      );
    },

    /** Queues events of the log again for one Trigger, unless it does not want them, waits for them, or they are pruned. Returns how many. */
    async redeliver(trigger: string, seqs: number[]): Promise<number> {
      let queued = 0;
      await writeEach(seqs, (seq) => {
        const row = sql.attributes.get(seq);
        if (row === undefined || !route(v.parse(AttributesRow, row).attributes).includes(trigger)) return;
        const at = now();
        const { changes, lastInsertRowid: id } = sql.redeliver.run(seq, trigger, at);
        if (changes === 0) return;
        queue(trigger, seq, at, id);
        queued += 1;
      });
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
        if (id !== undefined) end(trigger, id);
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
      disk.close();
    },
  };
}

const WRITTEN_AT_ONCE = 200;

/** Before the first event. */
const NOWHERE = { received_at: 0, seq: 0 };
