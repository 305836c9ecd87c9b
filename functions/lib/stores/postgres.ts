import { DatabaseError, Pool, type QueryResult } from 'pg';
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

/** Returns a statement's rows and how many rows it affected. */
export type Query = (text: string, values?: unknown[]) => Promise<QueryResult<Record<string, unknown>>>;

export interface Database {
  /** Runs one statement, which is a transaction of its own. @throws DatabaseError from the server, Unavailable when it did not answer */
  query: Query;
  close(): Promise<void>;
}

/** Opens a small pool for one instance of a task. Connects with the first statement. */
export function openDatabase(env: Env<typeof postgresEnv>, log: Log): Database {
  const pool = new Pool({
    connectionString: env.DATABASE_URL,
    max: 2,
    connectionTimeoutMillis: 5_000,
    // Both are shorter than the Trigger's timeout, so that nothing is still waiting here when the event comes again.
    query_timeout: 20_000,
    statement_timeout: 15_000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    application_name: 'formbus',
  });
  pool.on('error', (error) => log.warn({ reason: error.message }, 'PostgreSQL'));
  return {
    async query(text, values) {
      try {
        return await pool.query<Record<string, unknown>>(text, values);
      } catch (cause) {
        if (cause instanceof DatabaseError) throw cause;
        throw unavailable(cause);
      }
    },
    close: () => pool.end(),
  };
}

/** The SQLSTATE of an error from the server, '' for any other error. https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function codeOf(error: unknown): string {
  return error instanceof DatabaseError ? (error.code ?? '') : '';
}

/** The SQLSTATE for a table that does not exist. */
export const undefinedTable = '42P01';

/** Whether the server cannot store the values: data exceptions, violated constraints, program limits. */
export function isValuesFault(error: unknown): boolean {
  return /^(22|23|54)/.test(codeOf(error));
}

/** For any error that the values did not cause: the statement may succeed later. */
export function unavailable(cause: unknown): Unavailable {
  if (cause instanceof Unavailable) return cause;
  return new Unavailable(`The database failed (${reasonOf(cause)}); see DATABASE_URL.`, { cause });
}
