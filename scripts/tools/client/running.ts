import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import * as v from 'valibot';
import { projectRoot, shown } from '../../cli/root.ts';
import { lockFile, runningFile } from '../../runner/data-folder/data-folder.ts';
import { isLocked } from '../../runner/data-folder/lock.ts';
import { call } from './call.ts';

/** A tool's options that say which Formbus of this machine it is about. */
export const placeOptions = { url: { type: 'string' }, data: { type: 'string' } } as const;

/** The lines of a tool's help on `placeOptions`. @param width of the options' column */
export function placeHelp(width: number): string {
  return [
    `  ${'--url URL'.padEnd(width)}where Formbus runs, on this machine (default: as its data folder says)`,
    `  ${'--data DIR'.padEnd(width)}that folder, as for npm start (default .formbus)`,
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

/** The data folder that is meant. */
export function dataFolderOf({ data }: Place): string {
  return data === undefined ? join(projectRoot(), '.formbus') : resolve(data);
}

/**
 * The address, without a slash at the end, of the Formbus that is meant: the one that uses the data folder, unless `url` says it.
 * @throws Error that says what to do when none runs there
 */
export function addressOf(place: Place): string {
  if (place.url !== undefined) return place.url.replace(/\/$/, '');
  const folder = dataFolderOf(place);
  // One that was killed leaves its address behind, and somebody else may have got it.
  const isRunning = existsSync(join(folder, lockFile)) && isLocked(join(folder, lockFile));
  if (!isRunning)
    throw new Error(
      `no Formbus runs in ${shown(folder)}: start it with npm start, or say where it is with --url or --data`,
    );
  if (!existsSync(join(folder, runningFile)))
    throw new Error(`the Formbus in ${shown(folder)} is starting or stopping; try again when it is ready`);
  return read(folder).url;
}

/**
 * Where the parts of a Formbus on this machine are, with passwords: its data folder says so, to the user who runs it.
 * @throws Error that says what to do when it does not answer, or its data folder can't be read
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
      `the data folder ${shown(folder)} cannot be read; be the user who runs npm start there, with the same version of Formbus`,
      { cause },
    );
  }
}
