import { codeOf, undefinedTable, type Query } from '../../lib/stores/postgres.ts';

/**
 * How the tables come about, step by step; a step that was released is never changed. Each statement may run again: not every engine
 * that speaks PostgreSQL's protocol undoes a CREATE with its transaction. The key is `id` alone and no constraint reaches over
 * rows, so that the rows can be spread over machines by a hash of it.
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
];

const versions = 'CREATE TABLE IF NOT EXISTS formbus_schema (version integer PRIMARY KEY)';

/** Another one makes the same thing at the same moment: exists already (table, index, key), lost the race, catalogue has changed. */
const isRace = (error: unknown) => /^(42P07|42710|23505|40001|40P01|XX000)$/.test(codeOf(error));
const mostTries = 10;

/**
 * Brings the tables up to the version that this code wants; one look when they are. Any number may do it at once, and each may
 * die anywhere: there is no lock, which not every engine has, but what is there already is passed over.
 */
export async function migrate(query: Query, pauseMs = 50): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      const done = await versionOf(query);
      if (done >= steps.length) return;
      await query(versions);
      for (const [index, statements] of steps.entries()) {
        if (index < done) continue;
        for (const statement of statements) await query(statement);
        await query('INSERT INTO formbus_schema (version) VALUES ($1) ON CONFLICT DO NOTHING', [index + 1]);
      }
      return;
    } catch (error) {
      if (!isRace(error) || tries === mostTries) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs * tries * Math.random()));
    }
  }
}

/** 0 before the first step. */
async function versionOf(query: Query): Promise<number> {
  try {
    const { rows } = await query('SELECT max(version) AS version FROM formbus_schema');
    return Number(rows[0]?.['version'] ?? 0);
  } catch (error) {
    if (codeOf(error) === undefinedTable) return 0;
    throw error;
  }
}
