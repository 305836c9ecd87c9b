import { existsSync, mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { NewFile } from './plan.ts';

/**
 * Writes all files, or none: existing files are looked for first, and an incomplete write is undone.
 * @throws Error that says what exists already or could not be written, and what to do
 */
export function writeAll(root: string, files: NewFile[]) {
  refuseExisting(
    root,
    files.map(({ file }) => placeOf(file)),
  );
  const written: string[] = [];
  try {
    for (const { file, text } of files) {
      const path = join(root, file);
      mkdirSync(dirname(path), { recursive: true });
      written.push(path);
      writeFileSync(path, text, { flag: 'wx' });
    }
  } catch (cause) {
    for (const path of written) rmSync(path, { force: true });
    for (const { file } of files) if (placeOf(file) !== file) removeEmpty(join(root, placeOf(file)));
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Not all of it could be written, so nothing was: ${reason}`, { cause });
  }
}

/** A function has a folder of its own; a manifest is one file. */
const placeOf = (file: string) => (file.startsWith('functions/') ? dirname(file) : file);

function refuseExisting(root: string, all: string[]) {
  const places = [...new Set(all)];
  const there = places.filter((place) => existsSync(join(root, place)));
  if (there.length === 0) return;
  const list = there.join(' and ');
  if (there.length === places.length)
    throw new Error(`Nothing is written, because this exists already: ${list}`);
  const missing = places.filter((place) => !there.includes(place));
  throw new Error(
    `Nothing is written, because ${list} ${there.length > 1 ? 'exist' : 'exists'} already, without ${missing.join(' and ')}. ` +
      `If an earlier run was broken off, remove what it left and run it again:\n  rm -r ${there.join(' ')}`,
  );
}

function removeEmpty(folder: string) {
  try {
    rmdirSync(folder);
  } catch {
    // It was not created, or another process has put something there.
  }
}
