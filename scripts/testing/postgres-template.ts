import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { lockFile } from '../runner/data-folder/data-folder.ts';
import { startPostgres } from '../runner/processes/postgres.ts';

/** Makes a database cluster to be copied: `initdb` takes ten times as long as a copy. */
export async function makeTemplate(folder: string): Promise<void> {
  const quiet = () => {};
  const { close } = await startPostgres({ dir: folder, log: { info: quiet, warn: quiet, error: quiet } });
  await close();
}

/**
 * Copies the test run's database cluster to a folder that is missing, so that PostgreSQL starts there without `initdb`. Does
 * nothing outside the tiers that have one (setup-postgres.ts).
 */
export async function copyTemplate(
  folder: string,
  template: string | undefined = process.env['FORMBUS_POSTGRES_TEMPLATE'],
): Promise<void> {
  if (template === undefined || existsSync(folder)) return;
  await mkdir(dirname(folder), { recursive: true });
  // With its owner, the user that PostgreSQL runs as.
  await promisify(execFile)('cp', ['-a', template, folder]);
}

/** The same for a new data folder, which `npm start` recognises by its lock file. */
export async function prepareData(data: string): Promise<void> {
  const folder = join(data, 'postgres');
  await copyTemplate(folder);
  if (existsSync(folder)) await writeFile(join(data, lockFile), '', { flag: 'a', mode: 0o600 });
}
