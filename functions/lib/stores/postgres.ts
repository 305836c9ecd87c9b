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

/** What a statement gives: its rows and how many it concerned. */
export type Query = (text: string, values?: unknown[]) => Promise<QueryResult<Record<string, unknown>>>;

export interface Database {
  /** Runs one statement, which is its own transaction. @throws DatabaseError as the server gave it, Unavailable when it gave none */
  query: Query;
  close(): Promise<void>;
}

/** Opens a small pool; each instance of a task has its own. Connects with the first statement. */
export function openDatabase(env: Env<typeof postgresEnv>, log: Log): Database {
  const pool = new Pool({
    connectionString: env.DATABASE_URL,
    max: 2,
    connectionTimeoutMillis: 5_000,
    // Both are shorter than the Trigger's time-out: then the event comes again while nobody waits here any more.
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

/** SQLSTATE of an error of the server's, '' for any other. https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function codeOf(error: unknown): string {
  return error instanceof DatabaseError ? (error.code ?? '') : '';
}

/** SQLSTATE of a statement on a table that nobody has made yet. */
export const undefinedTable = '42P01';

/** Whether it is the values that the server can't take: data exceptions, broken constraints, limits of the program. */
export function isValuesFault(error: unknown): boolean {
  return /^(22|23|54)/.test(codeOf(error));
}

/** For whatever is not the fault of the values: it may work later. */
export function unavailable(cause: unknown): Unavailable {
  if (cause instanceof Unavailable) return cause;
  return new Unavailable(`The database did not do it (${reasonOf(cause)}); see DATABASE_URL.`, { cause });
}
