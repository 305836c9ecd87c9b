import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { openDatabase } from '../../lib/stores/postgres.ts';
import { recordedLog } from '../../testing/log.ts';
import { startTestPostgres, type TestPostgres } from '../../testing/postgres.ts';
import { migrate } from './schema.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres.close());
beforeEach(async () => {
  await postgres.query('DROP TABLE IF EXISTS submissions, formbus_schema, formbus_lease');
});

const made = `SELECT indexdef FROM pg_indexes WHERE tablename = 'submissions' ORDER BY indexname`;

async function withDatabases(
  count: number,
  work: (databases: ReturnType<typeof openDatabase>[]) => Promise<void>,
) {
  const databases = Array.from({ length: count }, () =>
    openDatabase({ DATABASE_URL: postgres.url }, recordedLog().log),
  );
  try {
    await work(databases);
  } finally {
    await Promise.all(databases.map(({ close }) => close()));
  }
}

it('creates the tables, however many instances do so at once', async () => {
  await withDatabases(10, async (databases) => {
    for (let round = 0; round < 5; round += 1) {
      await postgres.query('DROP TABLE IF EXISTS submissions, formbus_schema, formbus_lease');
      await Promise.all(databases.map(({ query }) => migrate(query)));
      expect(await postgres.query('SELECT version FROM formbus_schema')).toEqual([
        { version: 1 },
        { version: 2 },
      ]);
      expect(
        (await postgres.query(made)).map(({ indexdef }) => String(indexdef).replace(/.* USING btree /, '')),
      ).toEqual(['(form, received_at)', '(id)']);
    }
  });
});

it('continues after an instance died at any statement, and then needs one query', async () => {
  await withDatabases(1, async ([database]) => {
    if (!database) throw new Error('no database');
    for (let most = 0; ; most += 1) {
      await postgres.query('DROP TABLE IF EXISTS submissions, formbus_schema, formbus_lease');
      let count = 0;
      const dying: typeof database.query = (...statement) => {
        count += 1;
        return count > most ? Promise.reject(new Error('killed')) : database.query(...statement);
      };
      const died = await migrate(dying).then(
        () => false,
        () => true,
      );
      await migrate(database.query);
      expect(await postgres.query('SELECT version FROM formbus_schema')).toEqual([
        { version: 1 },
        { version: 2 },
      ]);
      expect(await postgres.query(made)).toHaveLength(2);
      if (!died) break;
    }
    const statements: string[] = [];
    await migrate((text, values) => {
      statements.push(text);
      return database.query(text, values);
    });
    expect(statements).toHaveLength(1);
  });
});
