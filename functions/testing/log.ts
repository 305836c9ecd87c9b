import { pino } from 'pino';
import * as v from 'valibot';
import type { Log } from '../lib/log.ts';

const Line = v.pipe(v.string(), v.parseJson(), v.object({ msg: v.string() }));

/** A log that is kept: `messages` has what was said, oldest first. */
export function recordedLog(): { log: Log; messages: string[] } {
  const messages: string[] = [];
  const log = pino({}, { write: (line) => void messages.push(v.parse(Line, line).msg) });
  return { log, messages };
}
