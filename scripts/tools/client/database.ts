import { Socket } from 'node:net';
import { Client, DatabaseError } from 'pg';
import * as v from 'valibot';
import { reasonOf } from '../../../functions/lib/runtime/log.ts';
import { codeOf, undefinedTable, type Query } from '../../../functions/lib/stores/postgres.ts';
import { connectionsOf } from './running.ts';

const Forms = v.array(v.object({ form: v.string() }));

/** One connection to the archive. */
export interface Archive {
  /** Runs one statement. @throws DatabaseError of the server, or an Error that says what to do when the server cannot be reached */
  query: Query;
  close(): Promise<void>;
}

/**
 * Connects to the archive: DATABASE_URL of the environment, or else that of the Formbus that runs at `url`. A statement may take
 * as long as it needs. A server that is silent for `silenceMs` and accepts no other connection within `connectMs` counts as frozen.
 * @throws Error that says what to do when the archive cannot be reached
 */
export async function connectArchive(
  url: string | (() => string),
  { connectMs = 10_000, silenceMs = 20_000 } = {},
): Promise<Archive> {
  const given = process.env['DATABASE_URL'];
  const database = given || (await connectionsOf(typeof url === 'string' ? url : url())).database;
  if (database === null)
    throw new Error(
      'this Formbus has its archive in a database of your own; set DATABASE_URL here as for npm start',
    );
  if (!isAddress(database))
    throw new Error(
      'DATABASE_URL is not an address such as postgres://user:password@host:5432/database; escape special characters in the password, for example / as %2F',
    );
  const socket = new Socket();
  const clientOf = (stream: Socket) =>
    new Client({
      connectionString: database,
      application_name: 'formbus-tool',
      keepAlive: true,
      connectionTimeoutMillis: connectMs,
      stream: () => stream,
    });
  const client = clientOf(socket);
  const where = `${client.host}:${client.port}/${client.database}`;
  const help = given
    ? 'check that it runs, and DATABASE_URL'
    : 'read what npm start prints, or start it again';
  let lost: unknown;
  const failure = (cause: unknown) =>
    new Error(`the archive at ${where} cannot be reached (${reasonOf(lost ?? cause)}); ${help}`, {
      cause,
    });
  // The next statement reports what went wrong since the last one.
  client.on('error', (error) => (lost ??= error));
  await client.connect().catch((cause: unknown) => {
    throw failure(cause);
  });
  socket.on('timeout', () => {
    isAlive(clientOf(new Socket())).then(
      (alive) => {
        if (alive) socket.setTimeout(silenceMs);
        else socket.destroy(new Error('it does not answer'));
      },
      () => {},
    );
  });
  socket.setTimeout(silenceMs);
  return {
    async query(text, values) {
      try {
        return await client.query<Record<string, unknown>>(text, values);
      } catch (cause) {
        if (cause instanceof DatabaseError && !isGoodbye(cause)) throw cause;
        throw failure(cause);
      }
    },
    close: () => client.end(),
  };
}

/** pg accepts more than URLs, such as a socket's folder. */
function isAddress(text: string): boolean {
  try {
    return /^postgres(ql)?:\/\//.test(text) && new Client(text).port > 0;
  } catch {
    return false;
  }
}

/** Whether the server answers a new connection, be it with an error. */
async function isAlive(client: Client): Promise<boolean> {
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch (error) {
    return error instanceof DatabaseError;
  } finally {
    await client.end();
  }
}

/** The forms that the archive has submissions of; reads a few entries of its index. */
export async function formsIn({ query }: Archive): Promise<string[]> {
  const { rows } = await query(
    `WITH RECURSIVE found AS (
       SELECT min(form) AS form FROM submissions
       UNION ALL
       SELECT (SELECT min(form) FROM submissions WHERE submissions.form > found.form) FROM found WHERE form IS NOT NULL
     ) SELECT form FROM found WHERE form IS NOT NULL`,
  );
  return v.parse(Forms, rows).map(({ form }) => form);
}

/** The task creates the tables with the first submission. */
export function isNotMadeYet(error: unknown): boolean {
  return codeOf(error) === undefinedTable;
}

/** A server that is shutting down. */
const isGoodbye = (error: DatabaseError) => codeOf(error).startsWith('57P');
