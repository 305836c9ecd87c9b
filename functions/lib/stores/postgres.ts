import { Client, DatabaseError, Pool, type QueryResult } from 'pg';
import * as v from 'valibot';
import type { Env } from '../runtime/env.ts';
import { Unavailable } from '../runtime/errors.ts';
import { reasonOf, type Log } from '../runtime/log.ts';

export const postgresEnv = {
  DATABASE_URL: v.pipe(
    v.string(),
    v.regex(/^postgres(ql)?:\/\//, 'not a postgres:// address'),
    v.description('postgres://user:password@host:5432/database'),
  ),
};

/**
 * Returns a statement's rows and how many rows it affected.
 * @param name each connection prepares the statement once under it; another text needs another name
 */
export type Query = (
  text: string,
  values?: unknown[],
  name?: string,
) => Promise<QueryResult<Record<string, unknown>>>;

export interface Database {
  /** Runs one statement, which is a transaction of its own. @throws DatabaseError from the server, Unavailable when it did not answer */
  query: Query;
  /** Runs one statement on a connection of its own, for as long as it takes. When the process ends, the server finishes it. */
  runLong(text: string): Promise<void>;
  close(): Promise<void>;
}

/** Opens a small pool for one instance of a task. Connects with the first statement. */
export function openDatabase(env: Env<typeof postgresEnv>, log: Log): Database {
  const common = {
    connectionString: env.DATABASE_URL,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    application_name: 'formbus',
  };
  const pool = new Pool({
    ...common,
    max: 2,
    // Both are shorter than the Trigger's timeout, so that nothing is still waiting here when the event comes again.
    query_timeout: 20_000,
    statement_timeout: 15_000,
    idleTimeoutMillis: 30_000,
  });
  const warn = (error: Error) => log.warn({ reason: error.message }, 'PostgreSQL');
  pool.on('error', warn);
  const others = new Set<Client>();
  let canPrepare = true;
  return {
    async query(text, values, name) {
      const run = () =>
        pool.query<Record<string, unknown>>({
          text,
          ...(values && { values }),
          ...(canPrepare && name && { name }),
        });
      try {
        return await run().catch((error: unknown) => {
          if (!name || !isPoolersFault(error)) throw error;
          canPrepare = false;
          return run();
        });
      } catch (cause) {
        if (cause instanceof DatabaseError) throw cause;
        throw unavailable(cause);
      }
    },
    async runLong(text) {
      const client = new Client(common);
      client.on('error', warn);
      others.add(client);
      try {
        await client.connect();
        await client.query(text);
      } finally {
        others.delete(client);
        await client.end();
      }
    },
    async close() {
      await Promise.all([pool.end(), ...[...others].map((client) => client.end())]);
    },
  };
}

/** The SQLSTATE of an error from the server, '' for any other error. https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function codeOf(error: unknown): string {
  return error instanceof DatabaseError ? (error.code ?? '') : '';
}

/** A pooler assigns each transaction another connection, and does not know which one has prepared what: nothing was executed. */
const isPoolersFault = (error: unknown) => ['26000', '42P05'].includes(codeOf(error));

/** The SQLSTATE for a table that does not exist. */
export const undefinedTable = '42P01';

/** The SQLSTATE for a statement that this engine does not have. */
export const notSupported = '0A000';

/** Whether the server cannot store the values: data exceptions, violated constraints, program limits. */
export function isValuesFault(error: unknown): boolean {
  return /^(22|23|54)/.test(codeOf(error));
}

/** For any error that the values did not cause: the statement may succeed later. */
export function unavailable(cause: unknown): Unavailable {
  if (cause instanceof Unavailable) return cause;
  return new Unavailable(`The database failed (${reasonOf(cause)}); see DATABASE_URL.`, { cause });
}
