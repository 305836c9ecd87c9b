import { Client } from 'pg';
import * as v from 'valibot';
import { ask } from './services.ts';

export interface TestPostgres {
  /** Of an empty database. */
  url: string;
  /** The rows of one statement, on a connection of its own. */
  query(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  /** Sends SIGKILL; the server restarts by itself. */
  kill(): Promise<void>;
  /** SIGSTOP to all its processes; returns what lets them go on. */
  freeze(): Promise<() => void>;
  close(): Promise<void>;
}

/** A PostgreSQL for the caller alone. */
export async function startTestPostgres(): Promise<TestPostgres> {
  const { id, url } = await ask(v.object({ id: v.string(), url: v.string() }), 'postgres');
  const pid = () => ask(v.number(), `postgres/${id}/pid`, []);
  const ignore = () => {};
  async function query(text: string, values?: unknown[]) {
    const client = new Client(url);
    client.on('error', ignore);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text, values)).rows;
    } finally {
      await client.end().catch(ignore);
    }
  }
  return {
    url,
    query,
    async kill() {
      process.kill(await pid(), 'SIGKILL');
    },
    async freeze() {
      const others = await query('SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()');
      const pids = [await pid(), ...others.map((row) => Number(row['pid']))];
      for (const one of pids) process.kill(one, 'SIGSTOP');
      return () => pids.forEach((one) => process.kill(one, 'SIGCONT'));
    },
    async close() {
      await ask(v.null(), `postgres/${id}/close`);
    },
  };
}
