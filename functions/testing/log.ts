import { pino } from 'pino';
import * as v from 'valibot';
import type { Log } from '../lib/runtime/log.ts';

const Line = v.pipe(v.string(), v.parseJson(), v.looseObject({ msg: v.string() }));

/** A log that is kept: `messages` has the messages, oldest first, `lines` the whole lines. */
export function recordedLog(): { log: Log; messages: string[]; lines: v.InferOutput<typeof Line>[] } {
  const messages: string[] = [];
  const lines: v.InferOutput<typeof Line>[] = [];
  const write = (text: string) => {
    const line = v.parse(Line, text);
    lines.push(line);
    messages.push(line.msg);
  };
  return { log: pino({}, { write }), messages, lines };
}
