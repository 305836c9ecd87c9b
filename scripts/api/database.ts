import { Client } from 'pg';
import * as v from 'valibot';
import { codeOf, undefinedTable } from '../../functions/lib/postgres.ts';
import { call } from './call.ts';

const Connections = v.object({ database: v.nullable(v.string()) });

/**
 * Connects to the archive: DATABASE_URL of the environment, or else that of the Formbus that runs at `url`.
 * @throws Error that says what to do when it is not to be reached
 */
export async function connectArchive(url: string): Promise<Client> {
  const given = process.env['DATABASE_URL'];
  const database = given || (await call(Connections, url, '/_/connections')).database;
  if (database === null)
    throw new Error(
      'this Formbus has its archive in a database of your own; set DATABASE_URL here as for npm start',
    );
  const client = new Client({
    connectionString: database,
    application_name: 'formbus-tool',
    keepAlive: true,
  });
  // What goes wrong between two statements is told by the next one.
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (cause) {
    throw new Error(`the archive is not to be reached; see ${given ? 'DATABASE_URL' : 'npm start'}`, {
      cause,
    });
  }
  return client;
}

/** The first submission makes the tables. */
export function isNotMadeYet(error: unknown): boolean {
  return codeOf(error) === undefinedTable;
}
