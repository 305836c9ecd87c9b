import { afterAll, afterEach, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import { startTestPostgres, type TestPostgres } from '../../../functions/testing/postgres.ts';
import { connectArchive } from './database.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres.close());
afterEach(() => void vi.unstubAllEnvs());

/** With time-outs that a test can wait for. */
async function connect({ connectMs = 300 } = {}) {
  vi.stubEnv('DATABASE_URL', postgres.url);
  return connectArchive('', { connectMs, silenceMs: 200 });
}
const complaint = () => {
  const { port, pathname } = new URL(postgres.url);
  return `the archive at 127.0.0.1:${port}${pathname} cannot be reached`;
};

it('says which archive does not answer, and what to do', async () => {
  const goOn = await postgres.freeze();
  onTestFinished(goOn);
  await expect(connect()).rejects.toThrow(
    `${complaint()} (timeout expired); check that it runs, and DATABASE_URL`,
  );
});

it('does not wait for a statement whose server is frozen', async () => {
  const archive = await connect();
  await archive.query('SELECT 1');
  const goOn = await postgres.freeze();
  onTestFinished(goOn);
  await expect(archive.query('SELECT 1')).rejects.toThrow(`${complaint()} (it does not answer)`);
  await expect(archive.query('SELECT 1')).rejects.toThrow(`${complaint()} (it does not answer)`);
  await archive.close();
});

it.each(['foo', 'postgres://user:pass/word@host/database'])(
  'names DATABASE_URL when it is %s',
  async (url) => {
    vi.stubEnv('DATABASE_URL', url);
    await expect(connectArchive('')).rejects.toThrow(
      'DATABASE_URL is not an address such as postgres://user:password@',
    );
  },
);

it('waits for a slow statement', async () => {
  const archive = await connect({ connectMs: 10_000 });
  const { rows } = await archive.query("SELECT 'done' AS state FROM pg_sleep(2)");
  expect(rows).toEqual([{ state: 'done' }]);
  await archive.close();
});
