import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';

/**
 * The folder of the project that a command is about: the current one, or the nearest above it with functions/ and a package.json.
 * @throws Error that says how to make a project
 */
export function projectRoot(from = process.cwd()): string {
  for (let folder = from; ; folder = dirname(folder)) {
    if (['functions', 'package.json'].every((name) => existsSync(join(folder, name)))) return folder;
    if (dirname(folder) === folder) break;
  }
  throw new Error(
    `${from} is not in a project of Formbus: neither it nor a folder above it has functions/ and a package.json. ` +
      'Go to your project, or make one: npx formbus init my-forms',
  );
}

/**
 * The folder of the Formbus that a project uses: its main.ts, its built-in tasks and its platform. That is the package `formbus` among
 * the project's packages; a checkout of Formbus itself uses its own. Undefined when the project has neither.
 */
export function formbusOf(root: string): string | undefined {
  if (existsSync(join(root, 'functions/main.ts'))) return root;
  try {
    return dirname(createRequire(join(root, 'package.json')).resolve('formbus/package.json'));
  } catch {
    return undefined;
  }
}

/** The folder of the Formbus that this file belongs to. */
export const ownRoot = join(import.meta.dirname, '../..');

/** A path as a person in the current folder writes it. */
export function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short || '.';
}
