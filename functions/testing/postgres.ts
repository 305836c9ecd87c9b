import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { startPostgres } from '../../scripts/local/postgres.ts';

export interface TestPostgres {
  /** Of a database that nothing is in. */
  url: string;
  /** The rows of one statement, on a connection of its own. */
  query(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** SIGKILL; it is started again by itself. */
  kill(): void;
  close(): Promise<void>;
}

/** A real PostgreSQL with its data in a temporary folder. */
export async function startTestPostgres(): Promise<TestPostgres> {
  const dir = await mkdtemp(join(tmpdir(), 'formbus-postgres-'));
  const quiet = () => {};
  const { url, pid, close } = await startPostgres({ dir, log: { info: quiet, warn: quiet, error: quiet } });
  return {
    url,
    async query(text, values) {
      const client = new Client(url);
      client.on('error', quiet);
      await client.connect();
      try {
        return (await client.query<Record<string, unknown>>(text, values)).rows;
      } finally {
        await client.end().catch(quiet);
      }
    },
    kill: () => void process.kill(pid(), 'SIGKILL'),
    async close() {
      await close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
