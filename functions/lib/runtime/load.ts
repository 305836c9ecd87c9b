import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Bundled, this file is next to the functions or in `chunks`; from its source it is in `functions/lib/runtime`. The functions of the
 * project, whose folder is the current one, come before those that Formbus brings.
 */
const roots = [
  ...['.', '..'].map((path) => join(import.meta.dirname, path)),
  join(process.cwd(), 'functions'),
  join(import.meta.dirname, '../..'),
];

/**
 * Imports the form or the task of that name from this image, from its source or from the bundle, and returns what it exports;
 * undefined when there is none, or the name cannot be a function's, like `../x`.
 * Tasks load forms by `load-form.ts`, by which `npm start` knows that they depend on them.
 */
export async function loadModule(
  name: string,
  kinds: ('forms' | 'tasks')[] = ['forms', 'tasks'],
): Promise<unknown[] | undefined> {
  if (!/^[a-z0-9-]+$/.test(name)) return undefined;
  const sources = kinds.flatMap((kind) =>
    ['ts', 'js'].map((extension) => join(kind, name, `${name}.${extension}`)),
  );
  const places = [`${name}.mjs`, ...sources];
  const file = roots
    .flatMap((root) => places.map((place) => join(root, place)))
    .find((path) => existsSync(path));
  if (file === undefined) return undefined;
  const module: Record<string, unknown> = await import(pathToFileURL(file).href);
  return Object.values(module);
}
