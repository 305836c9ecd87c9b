import * as v from 'valibot';
import type { CloudEvent } from '../../../events/cloud-event.ts';
import { openEventDatabase } from './event-database.ts';
import type { Attributes } from '../../../events/trigger-filter.ts';
import {
  LoggedRow,
  AttributesRow,
  PolledRow,
  LettersRow,
  WaitingRow,
  ReadRow,
  DeadLetterRow,
  shownDeadLetter,
  type DeadLetter,
  type LoggedEvent,
} from './rows.ts';
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

export type EventLog = ReturnType<typeof openEventLog>;

/**
 * Events, what is still to be delivered of them, and dead letters. What a writing function promises is on disk when its promise
 * resolves: neither kill -9 nor a power cut undoes it. `finish` and `retry` wait for no disk: kill -9 undoes neither; after a power
 * cut a delivery may stand there as if it had not been tried, is made again, and its reply is stored again. Writes asked for in one turn
 * of the event loop share one transaction.
 * @throws Error when the file is in use by another process, or of another version
 */
export function openEventLog({ file, route, onNew, now }: EventLogOptions) {
  const db = openEventDatabase(file);
  const sql = {
    event: db.prepare('INSERT INTO events (received_at, attributes, data) VALUES (?, ?, ?)'),
    delivery: db.prepare('INSERT INTO deliveries (event, trigger, next_at) VALUES (?, ?, ?)'),
    poll: db.prepare(
      'SELECT id, failed, next_at FROM deliveries WHERE trigger = ? AND id > ? ORDER BY id LIMIT ?',
    ),
    read: db.prepare('SELECT seq, attributes, data FROM deliveries JOIN events ON seq = event WHERE id = ?'),
    finish: db.prepare('DELETE FROM deliveries WHERE id = ?'),
    retry: db.prepare('UPDATE deliveries SET failed = ?, next_at = ? WHERE id = ?'),
    bury: db.prepare(
      'INSERT INTO dead_letters (topic, trigger, at, attributes, data) VALUES (?, ?, ?, ?, ?)',
    ),
    deadLetters: db.prepare('SELECT * FROM dead_letters WHERE id < ? ORDER BY id DESC LIMIT ?'),
    deadLetter: db.prepare('SELECT * FROM dead_letters WHERE id = ? AND redriven_at IS NULL'),
    redriven: db.prepare('UPDATE dead_letters SET redriven_at = ? WHERE id = ?'),
    list: db.prepare(
      `SELECT seq, attributes,
         (SELECT json_group_array(trigger) FROM deliveries WHERE event = seq) AS waiting,
         (SELECT json_group_array(trigger) FROM dead_letters AS dead
          WHERE dead.attributes ->> 'id' = events.attributes ->> 'id' AND redriven_at IS NULL) AS dead
       FROM events WHERE seq > ? ORDER BY seq LIMIT ?`,
    ),
    attributes: db.prepare('SELECT attributes FROM events WHERE seq = ?'),
    redeliver: db.prepare(
      `INSERT INTO deliveries (event, trigger, next_at) SELECT ?1, ?2, ?3
       WHERE NOT EXISTS (SELECT 1 FROM deliveries WHERE event = ?1 AND trigger = ?2)`,
    ),
    waiting: db.prepare('SELECT trigger, count(*) AS count FROM deliveries GROUP BY trigger'),
    letters: db.prepare('SELECT topic, count(*) AS count FROM dead_letters GROUP BY topic'),
    prune: db.prepare(
      `DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE received_at < ?
       AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event = seq) ORDER BY received_at LIMIT ?)`,
    ),
  };

  const { write, commit } = openWriter(db);

  function insert({ attributes, data }: CloudEvent, triggers: string[]) {
    const at = now();
    const { lastInsertRowid: seq } = sql.event.run(at, JSON.stringify(attributes), data);
    for (const trigger of triggers) sql.delivery.run(seq, trigger, at);
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
          sql.finish.run(id);
        },
        { isSynced: false },
      );
      onNew(triggers);
    },

    /** Queues events of the log again for one Trigger, unless it does not want them, waits for them, or they are pruned. Returns how many. */
    async redeliver(trigger: string, seqs: number[]): Promise<number> {
      let queued = 0;
      await write(() => {
        for (const seq of seqs) {
          const row = sql.attributes.get(seq);
          if (row === undefined || !route(v.parse(AttributesRow, row).attributes).includes(trigger)) continue;
          queued += Number(sql.redeliver.run(seq, trigger, now()).changes);
        }
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
        if (id !== undefined) sql.finish.run(id);
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
      await write(() => {
        for (const id of ids) {
          const row = sql.deadLetter.get(id);
          if (row === undefined) continue;
          const { trigger, attributes, data } = v.parse(DeadLetterRow, row);
          if (!triggers.includes(trigger)) continue;
          const isReason = (name: string) => name.startsWith('knativeerror');
          const own = Object.fromEntries(Object.entries(attributes).filter(([name]) => !isReason(name)));
          insert({ attributes: { ...own, redriven: String(id) }, data }, [trigger]);
          sql.redriven.run(now(), id);
          queued += 1;
        }
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
    waiting: () =>
      new Map(
        sql.waiting
          .all()
          .map((row) => v.parse(WaitingRow, row))
          .map((r) => [r.trigger, r.count]),
      ),

    /** Dead letters so far, by topic. */
    letters: () =>
      new Map(
        sql.letters
          .all()
          .map((row) => v.parse(LettersRow, row))
          .map((r) => [r.topic, r.count]),
      ),

    /** Removes up to `limit` events that came before `before` and have nothing left to deliver; returns their number. */
    prune: (before: number, limit: number) => Number(sql.prune.run(before, limit).changes),

    /** Commits what waits and closes the file. */
    close() {
      commit();
      db.close();
    },
  };
}
