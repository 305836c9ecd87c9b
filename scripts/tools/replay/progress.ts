import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as v from 'valibot';

const Saved = v.object({ place: v.string(), delivered: v.number() });
export type Saved = v.InferOutput<typeof Saved>;
const File = v.object({ asked: v.string(), ...Saved.entries });

/** How far a replay has come, kept in a file. */
export interface Progress {
  /** The beginning, when nothing is saved or the saved state is of another request. */
  load(): Saved;
  save(state: Saved): void;
  /** Called at the end. */
  clear(): void;
}

/** @param asked the request; the saved state of another request is ignored */
export function openProgress(file: string, asked: string): Progress {
  return {
    load() {
      try {
        const found = v.parse(v.pipe(v.string(), v.parseJson(), File), readFileSync(file, 'utf8'));
        if (found.asked === asked) return found;
      } catch {
        // Missing, or cut off by a power cut: starting over does no harm.
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
