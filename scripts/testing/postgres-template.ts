import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { lockFile } from '../runner/data-folder/data-folder.ts';
import { startPostgres } from '../runner/processes/postgres.ts';

/** Makes a database cluster to be copied: `initdb` takes ten times as long as a copy. */
export async function makeTemplate(folder: string): Promise<void> {
  const quiet = () => {};
  const { close } = await startPostgres({ dir: folder, log: { info: quiet, warn: quiet, error: quiet } });
  await close();
}

/** To a folder that is missing. Files stay with the user that PostgreSQL runs as. */
export async function copyTemplate(template: string, folder: string): Promise<void> {
  await promisify(execFile)('cp', ['-a', template, folder]);
}

/** Puts the test run's database cluster into a data folder that has none, so that the Formbus on it starts without `initdb`. */
export async function withPostgres(data: string): Promise<string> {
  const template = process.env['FORMBUS_POSTGRES_TEMPLATE'];
  if (template === undefined) throw new Error('only the tiers with setup-postgres.ts have a template');
  if (existsSync(join(data, 'postgres'))) return data;
  await mkdir(data, { recursive: true });
  await copyTemplate(template, join(data, 'postgres'));
  // By its lock file a folder is a data folder.
  await writeFile(join(data, lockFile), '');
  return data;
}
