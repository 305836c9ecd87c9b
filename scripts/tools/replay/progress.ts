import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as v from 'valibot';

const Saved = v.object({ place: v.string(), delivered: v.number() });
export type Saved = v.InferOutput<typeof Saved>;
const File = v.object({ asked: v.string(), ...Saved.entries });

/** How far a replay has come, kept in a file. */
export interface Progress {
  /** The beginning, when nothing is kept or something else was asked for. */
  load(): Saved;
  save(state: Saved): void;
  /** It is at its end. */
  clear(): void;
}

/** @param asked what was asked for; another one begins anew */
export function openProgress(file: string, asked: string): Progress {
  return {
    load() {
      try {
        const found = v.parse(v.pipe(v.string(), v.parseJson(), File), readFileSync(file, 'utf8'));
        if (found.asked === asked) return found;
      } catch {
        // None yet, or one that a power cut has cut off: then it begins anew, which does no harm.
      }
      return { place: '', delivered: 0 };
    },
    save({ place, delivered }) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(`${file}.new`, JSON.stringify({ asked, place, delivered }), { mode: 0o600 });
      renameSync(`${file}.new`, file);
    },
    clear: () => rmSync(file, { force: true }),
  };
}
