import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { startPostgres } from '../../scripts/runner/processes/postgres.ts';

export interface TestPostgres {
  /** Of a database that nothing is in. */
  url: string;
  /** The rows of one statement, on a connection of its own. */
  query(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** SIGKILL; it is started again by itself. */
  kill(): void;
  /** SIGSTOP to all its processes; gives what lets them go on. */
  freeze(): Promise<() => void>;
  close(): Promise<void>;
}

/** A real PostgreSQL with its data in a temporary folder. */
export async function startTestPostgres(): Promise<TestPostgres> {
  const dir = await mkdtemp(join(tmpdir(), 'formbus-postgres-'));
  const quiet = () => {};
  const { url, pid, close } = await startPostgres({ dir, log: { info: quiet, warn: quiet, error: quiet } });
  async function query(text: string, values?: unknown[]) {
    const client = new Client(url);
    client.on('error', quiet);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text, values)).rows;
    } finally {
      await client.end().catch(quiet);
    }
  }
  return {
    url,
    query,
    kill: () => void process.kill(pid(), 'SIGKILL'),
    async freeze() {
      const others = await query('SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
      const pids = [pid(), ...others.map((row) => Number(row['pid']))];
      for (const one of pids) process.kill(one, 'SIGSTOP');
      return () => pids.forEach((one) => process.kill(one, 'SIGCONT'));
    },
    async close() {
      await close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}
