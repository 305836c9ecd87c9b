import { Client, DatabaseError } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { openDatabase, type Database } from '../../lib/stores/postgres.ts';
import { recordedLog } from '../../testing/log.ts';
import { startTestPostgres, type TestPostgres } from '../../testing/postgres.ts';
import { buildIndex, indexedVersion } from './index-build.ts';
import { migrate } from './schema.ts';

const { log, messages } = recordedLog();
let postgres: TestPostgres;
let database: Database;
beforeAll(async () => {
  postgres = await startTestPostgres();
  database = openDatabase({ DATABASE_URL: postgres.url }, log);
});
afterAll(async () => {
  await database.close();
  await postgres.close();
});
beforeEach(async () => {
  await postgres.query('DROP TABLE IF EXISTS submissions, formbus_schema, formbus_lease');
  await migrate(database.query);
  messages.length = 0;
});

const wanted = [
  ['submissions_in_order', true],
  ['submissions_pkey', true],
];
const found = async () =>
  (
    await postgres.query(
      `SELECT indexrelid::regclass::text AS name, indisvalid FROM pg_index WHERE indrelid = 'submissions'::regclass ORDER BY name`,
    )
  ).map(({ name, indisvalid }) => [name, indisvalid]);
const version = async () =>
  (await database.query('SELECT max(version) FROM formbus_schema')).rows[0]?.['max'];
const aMinuteLater = () => postgres.query(`UPDATE formbus_lease SET until = now() - interval '1 second'`);

/** A transaction that has seen the table: until it ends, no index is built. */
async function openTransaction(): Promise<() => Promise<unknown>> {
  const client = new Client(postgres.url);
  await client.connect();
  onTestFinished(() => client.end());
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await client.query('LOCK TABLE submissions IN ROW EXCLUSIVE MODE');
  return () => client.query('COMMIT');
}
async function insert(n: number): Promise<false> {
  const values = `'form.submitted', 'f', now(), 's/t', '', '[]', '{}'`;
  await postgres.query(`INSERT INTO submissions VALUES ($1, ${values})`, [`id-${n}`]);
  return false;
}
const builder = () =>
  postgres.query(
    `SELECT pid FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX%' AND state = 'active' AND wait_event_type = 'Lock'`,
  );

it('replaces the index, however many instances start at once, while rows come in', async () => {
  const databases = Array.from({ length: 10 }, () => openDatabase({ DATABASE_URL: postgres.url }, log));
  const building = Promise.all(databases.map((one) => buildIndex(one, log)));
  const isOver = building.then(() => true);
  for (let n = 0; !(await Promise.race([isOver, insert(n)])); n += 1);
  expect(await found()).toEqual(wanted);
  expect(await version()).toBe(indexedVersion);
  expect(messages).toEqual(['index built']);
  await Promise.all(databases.map(({ close }) => close()));
});

it('finds an index whose build failed, and replaces it', async () => {
  const commit = await openTransaction();
  const failing = buildIndex(database, log);
  await expect.poll(builder).toHaveLength(1);
  await postgres.query('SELECT pg_cancel_backend($1)', [(await builder())[0]?.['pid']]);
  await failing;
  await commit();
  expect(await found()).toContainEqual(['submissions_in_order', false]);
  expect(await found()).toContainEqual(['submissions_by_form', true]);
  await aMinuteLater();
  await buildIndex(database, log);
  expect(await found()).toEqual(wanted);
  expect(messages).toEqual(['index not built; the next instance that starts will try again', 'index built']);
});

it('lets the server finish the build of an instance that ended', async () => {
  const commit = await openTransaction();
  const ending = openDatabase({ DATABASE_URL: postgres.url }, log);
  const ended = buildIndex(ending, log);
  await expect.poll(builder).toHaveLength(1);
  await ending.close();
  await ended;
  await aMinuteLater();
  await buildIndex(database, log);
  expect(messages.at(-1)).toBe('the server still builds the index of an instance that ended');
  expect(await version()).toBe(indexedVersion - 1);
  await commit();
  await expect.poll(found).toContainEqual(['submissions_in_order', true]);
  await aMinuteLater();
  await buildIndex(database, log);
  expect(await found()).toEqual(wanted);
  expect(await version()).toBe(indexedVersion);
});

it('continues after an instance died at any statement', async () => {
  for (let most = 0; ; most += 1) {
    await postgres.query('DROP TABLE submissions, formbus_schema, formbus_lease');
    await migrate(database.query);
    let count = 0;
    const dying =
      <T, A extends unknown[]>(run: (...args: A) => Promise<T>) =>
      (...args: A) => {
        count += 1;
        return count > most ? Promise.reject(new Error('killed')) : run(...args);
      };
    await buildIndex({ query: dying(database.query), runLong: dying(database.runLong) }, log);
    const isBuilt = messages.at(-1) === 'index built';
    expect(await found()).toContainEqual([expect.stringMatching(/_by_form|_in_order/), true]);
    await aMinuteLater();
    await buildIndex(database, log);
    expect(await found()).toEqual(wanted);
    if (isBuilt) break;
  }
});

it('drops the old index where the server has no DROP INDEX CONCURRENTLY', async () => {
  const yugabyte: Database['runLong'] = (text) => {
    if (!text.startsWith('DROP INDEX CONCURRENTLY')) return database.runLong(text);
    const error = new DatabaseError('DROP INDEX CONCURRENTLY not supported yet', 0, 'error');
    error.code = '0A000';
    return Promise.reject(error);
  };
  await buildIndex({ query: database.query, runLong: yugabyte }, log);
  expect(await found()).toEqual(wanted);
});
