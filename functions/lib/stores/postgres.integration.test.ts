import { expect, it, onTestFinished } from 'vitest';
import { recordedLog } from '../../testing/log.ts';
import { startTestPostgres } from '../../testing/postgres.ts';
import { openDatabase } from './postgres.ts';

it('prepares a named statement once, and never again behind a pooler that does not know what was prepared', async () => {
  const postgres = await startTestPostgres();
  onTestFinished(postgres.close);
  const { query, close } = openDatabase({ DATABASE_URL: postgres.url }, recordedLog().log);
  const double = async (n: number) => (await query('SELECT 2 * $1::int AS n', [n], 'double')).rows;
  const prepared = async () =>
    (await query('SELECT name FROM pg_prepared_statements')).rows.map(({ name }) => name);
  expect([await double(1), await double(2)]).toEqual([[{ n: 2 }], [{ n: 4 }]]);
  expect(await prepared()).toEqual(['double']);
  // As it is on a connection that the pooler hands over the first time.
  await query('DEALLOCATE ALL');
  expect([await double(3), await double(4)]).toEqual([[{ n: 6 }], [{ n: 8 }]]);
  expect(await prepared()).toEqual([]);
  await close();
});
