import { afterAll, beforeAll, expect, it } from 'vitest';
import * as v from 'valibot';
import { openDatabase, type Database, type Query } from '../../lib/stores/postgres.ts';
import { recordedLog } from '../../testing/log.ts';
import { startTestPostgres, type TestPostgres } from '../../testing/postgres.ts';
import { buildIndex } from '../archive/index-build.ts';
import { migrate } from '../archive/schema.ts';
import { beginning, readArchived } from './archived.ts';

const { log } = recordedLog();
let postgres: TestPostgres;
let database: Database;
beforeAll(async () => {
  postgres = await startTestPostgres();
  database = openDatabase({ DATABASE_URL: postgres.url }, log);
  await migrate(database.query);
  await buildIndex(database, log);
});
afterAll(async () => {
  await database.close();
  await postgres.close();
});

const since = '2026-01-01T00:00:00Z';
const until = '2026-02-01T00:00:00Z';
const everything = { ids: 1e6, places: 1e6 };

/** Rows of three forms, `perDay` a day and form; several have the same time. */
async function fill(perDay: number) {
  await postgres.query('TRUNCATE submissions');
  await postgres.query(
    `INSERT INTO submissions
     SELECT form || '-' || n, 'form.submitted', form, timestamptz '2025-12-02' + (n / 7 * 7) * interval '1 day' / $1::int, 's/' || form,
       '', '[]', CASE WHEN n % 100 > 0 THEN '{}'::jsonb END
     FROM unnest(array['a', 'b', 'c']) form, generate_series(0, $1::int * 60 - 1) n`,
    [perDay],
  );
}

interface Plan {
  'Shared Hit Blocks': number;
  'Shared Read Blocks': number;
}
const Explained = v.tuple([
  v.object({
    'QUERY PLAN': v.tuple([v.object({ Plan: v.custom<Plan>((plan) => typeof plan === 'object') })]),
  }),
]);

it('reads the rows of the window, each once, and no forgotten ones', async () => {
  await fill(200);
  const { wanted, next } = await readArchived(database.query, { since, until }, beginning, everything);
  expect(next).toBeUndefined();
  const rows = await postgres.query(
    'SELECT id FROM submissions WHERE received_at >= $1 AND received_at < $2 AND data IS NOT NULL',
    [since, until],
  );
  const read = [...(wanted.get('s')?.values() ?? [])].flatMap((ids) => [...ids.keys()]);
  expect(read.toSorted()).toEqual(rows.map(({ id }) => String(id)).toSorted());
  expect([...(wanted.get('s')?.keys() ?? [])]).toEqual(['a', 'b', 'c']);
});

it('reads as many blocks for a page of a large archive as of a small one', async () => {
  const most: number[] = [];
  for (const perDay of [300, 3_000]) {
    await fill(perDay);
    const blocks: number[] = [];
    const counting: Query = async (text, values) => {
      const { rows } = await database.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`, values);
      const [
        {
          'QUERY PLAN': [{ Plan: plan }],
        },
      ] = v.parse(Explained, rows);
      blocks.push(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']);
      return database.query(text, values);
    };
    await readArchived(counting, { since, until }, beginning, everything);
    most.push(Math.max(...blocks));
  }
  const [small = 0, large = 0] = most;
  // The index may be a level deeper.
  expect(large).toBeLessThan(small * 1.2);
});
