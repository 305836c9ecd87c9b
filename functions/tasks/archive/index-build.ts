import { codeOf, notSupported, type Database } from '../../lib/stores/postgres.ts';
import { reasonOf, type Log } from '../../lib/runtime/log.ts';

/** The version of the tables with this index. */
export const indexedVersion = 3;

/**
 * Pages of the archive are read in this order; an index without the id makes the server sort a form's rows for each page. ASC is said
 * because YugabyteDB would hash the first column, and could not find the next form by it.
 */
const create =
  'CREATE INDEX CONCURRENTLY IF NOT EXISTS submissions_in_order ON submissions (form ASC, received_at ASC, id ASC)';

/** An index that is not valid is being built, or its build has failed. */
const state = `
  SELECT indisvalid AS "isValid",
    EXISTS (SELECT FROM pg_stat_progress_create_index WHERE index_relid = indexrelid) AS "isBeingBuilt"
  FROM pg_index WHERE indexrelid = to_regclass('submissions_in_order')`;

/** One instance builds at a time. A row instead of a lock of the server: not every engine has those, nor does a pooler of transactions. */
const take = `
  INSERT INTO formbus_lease (name, until) VALUES ('index', now() + interval '1 minute')
  ON CONFLICT (name) DO UPDATE SET until = EXCLUDED.until WHERE formbus_lease.until < now()`;
const renew = `UPDATE formbus_lease SET until = now() + interval '1 minute' WHERE name = 'index'`;
const renewMs = 20_000;

/**
 * Builds the index while rows come in, and then drops the one that it replaces. Any number of instances may try at once, and each may
 * die anywhere: an instance that starts a minute later continues. Never rejects.
 */
export async function buildIndex(database: Pick<Database, 'query' | 'runLong'>, log: Log): Promise<void> {
  let renewing: NodeJS.Timeout | undefined;
  try {
    if ((await database.query(take)).rowCount === 0) return;
    renewing = setInterval(() => void database.query(renew).catch(() => {}), renewMs);
    const outcome = await replaceIndex(database);
    log.info(
      {},
      outcome === 'built' ? 'index built' : 'the server still builds the index of an instance that ended',
    );
  } catch (error) {
    log.warn({ reason: reasonOf(error) }, 'index not built; the next instance that starts will try again');
  } finally {
    clearInterval(renewing);
  }
}

async function replaceIndex(database: Pick<Database, 'query' | 'runLong'>) {
  const { query, runLong } = database;
  const found = (await query(state)).rows[0];
  if (found?.['isBeingBuilt'] === true) return 'is being built';
  if (found?.['isValid'] === false) await drop('submissions_in_order', database);
  await runLong(create);
  if ((await query(state)).rows[0]?.['isValid'] !== true) throw new Error('the index is not valid');
  await drop('submissions_by_form', database);
  await query('INSERT INTO formbus_schema (version) VALUES ($1) ON CONFLICT DO NOTHING', [indexedVersion]);
  return 'built';
}

async function drop(index: string, { query, runLong }: Pick<Database, 'query' | 'runLong'>): Promise<void> {
  try {
    await runLong(`DROP INDEX CONCURRENTLY IF EXISTS ${index}`);
  } catch (error) {
    // YugabyteDB has only the statement that waits for nobody.
    if (codeOf(error) !== notSupported) throw error;
    await query(`DROP INDEX IF EXISTS ${index}`);
  }
}
