import type { DatabaseSync } from 'node:sqlite';

/** What the event log asks SQLite. Each uses an index, so that none takes longer for a backlog. */
export function prepareStatements(db: DatabaseSync) {
  return {
    event: db.prepare('INSERT INTO events (received_at, attributes, data) VALUES (?, ?, ?)'),
    delivery: db.prepare('INSERT INTO deliveries (event, trigger, next_at) VALUES (?, ?, ?)'),
    poll: db.prepare(
      'SELECT id, event, failed, next_at FROM deliveries WHERE trigger = ? AND id > ? ORDER BY id LIMIT ?',
    ),
    read: db.prepare('SELECT attributes, data FROM events WHERE seq = ?'),
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
    // (age, place) pairs: the index by age has a row's place, too.
    pruneTo: db.prepare(
      `SELECT received_at, seq FROM events WHERE (received_at, seq) > (?, ?) AND received_at < ?
       ORDER BY received_at, seq LIMIT 1 OFFSET ?`,
    ),
    prune: db.prepare(
      `DELETE FROM events WHERE (received_at, seq) > (?, ?) AND (received_at, seq) <= (?, ?)
       AND NOT EXISTS (SELECT 1 FROM deliveries WHERE event = seq)`,
    ),
  };
}
