import { codeOf, undefinedTable, type Query } from '../../lib/stores/postgres.ts';

/**
 * The steps that create the tables. A released step never changes. Each statement may run twice, because not every engine with
 * PostgreSQL's protocol rolls back a CREATE. The key is `id` alone and no constraint spans rows, so that a hash of the id can spread
 * the rows over machines.
 */
const steps: string[][] = [
  [
    `CREATE TABLE IF NOT EXISTS submissions (
       id text PRIMARY KEY,
       type text NOT NULL,
       form text NOT NULL,
       received_at timestamptz NOT NULL,
       sheet text NOT NULL,
       dataschema text NOT NULL,
       fields jsonb NOT NULL,
       data jsonb
     )`,
    'CREATE INDEX IF NOT EXISTS submissions_by_form ON submissions (form, received_at)',
  ],
  ['CREATE TABLE IF NOT EXISTS formbus_lease (name text PRIMARY KEY, until timestamptz NOT NULL)'],
];

const versions = 'CREATE TABLE IF NOT EXISTS formbus_schema (version integer PRIMARY KEY)';

/** Errors when another instance creates the same thing: it exists (table, index, key), a deadlock, a changed catalogue. */
const isRace = (error: unknown) => /^(42P07|42710|23505|40001|40P01|XX000)$/.test(codeOf(error));
const mostTries = 10;
const pauseMs = 50;

/**
 * Brings the tables up to the version of this code, with one query when they are current. Any number of instances may run it at once,
 * and each may die anywhere: it takes no lock, which not every engine has, and skips what exists. Returns the version.
 */
export async function migrate(query: Query): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    try {
      const done = await versionOf(query);
      if (done >= steps.length) return done;
      await query(versions);
      for (const [index, statements] of steps.entries()) {
        if (index < done) continue;
        for (const statement of statements) await query(statement);
        await query('INSERT INTO formbus_schema (version) VALUES ($1) ON CONFLICT DO NOTHING', [index + 1]);
      }
      return steps.length;
    } catch (error) {
      if (!isRace(error) || tries === mostTries) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs * tries * Math.random()));
    }
  }
}

/** The version of the tables; 0 before the first step. */
async function versionOf(query: Query): Promise<number> {
  try {
    const { rows } = await query('SELECT max(version) AS version FROM formbus_schema');
    return Number(rows[0]?.['version'] ?? 0);
  } catch (error) {
    if (codeOf(error) === undefinedTable) return 0;
    throw error;
  }
}
