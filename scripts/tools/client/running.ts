import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as v from 'valibot';
import { projectRoot, shown } from '../../cli/root.ts';
import { lockFile, runningFile } from '../../runner/data-folder/data-folder.ts';
import { isLocked } from '../../runner/data-folder/lock.ts';
import { call } from './call.ts';

/** A tool's options that choose a Formbus on this machine. */
export const placeOptions = { url: { type: 'string' }, data: { type: 'string' } } as const;

/** The lines of a tool's help on `placeOptions`. @param width of the options' column */
export function placeHelp(width: number): string {
  return [
    `  ${'--url URL'.padEnd(width)}the address of a Formbus on this machine (default: from its data folder)`,
    `  ${'--data DIR'.padEnd(width)}its data folder, as for npm start (default .formbus)`,
    '',
  ].join('\n');
}

interface Place {
  url?: string | undefined;
  data?: string | undefined;
}

const Running = v.object({
  url: v.string(),
  redis: v.string(),
  broker: v.string(),
  database: v.nullable(v.string()),
  sheets: v.nullable(v.string()),
  kafka: v.nullable(v.string()),
});

/** The chosen data folder. */
export function dataFolderOf({ data }: Place): string {
  return data === undefined ? join(projectRoot(), '.formbus') : resolve(data);
}

/**
 * The address of the chosen Formbus, without a slash at the end: `url`, or else that of the Formbus that uses the data folder.
 * @throws Error that says what to do when none runs there
 */
export function addressOf(place: Place): string {
  if (place.url !== undefined) return place.url.replace(/\/$/, '');
  const folder = dataFolderOf(place);
  // A killed Formbus leaves its address behind, which another program may use by now.
  const isRunning = existsSync(join(folder, lockFile)) && isLocked(join(folder, lockFile));
  if (!isRunning)
    throw new Error(
      `no Formbus runs in ${shown(folder)}: start it with npm start, or choose another with --url or --data`,
    );
  if (!existsSync(join(folder, runningFile)))
    throw new Error(`the Formbus in ${shown(folder)} is starting or stopping; try again when it is ready`);
  return read(folder).url;
}

/**
 * The addresses of a Formbus's parts, with passwords, from its data folder, which only its user can read.
 * @throws Error that says what to do when it does not answer, or its data folder cannot be read
 */
export async function connectionsOf(url: string): Promise<v.InferOutput<typeof Running>> {
  const { data } = await call(v.object({ data: v.string() }), url, '/_/connections');
  return read(data);
}

function read(folder: string): v.InferOutput<typeof Running> {
  try {
    return v.parse(Running, JSON.parse(readFileSync(join(folder, runningFile), 'utf8')));
  } catch (cause) {
    throw new Error(
      `the data folder ${shown(folder)} cannot be read; run this as the user of npm start there, with the same version of Formbus`,
      { cause },
    );
  }
}
