import { existsSync, readdirSync } from 'node:fs';
import { join, parse } from 'node:path';
import { formbusOf } from '../cli/root.ts';

/** The Formbus of a project. @throws Error that says what to do when the project has none */
export function formbusFor(root: string): string {
  const formbus = formbusOf(root);
  if (formbus === undefined)
    throw new Error(`${root} has no package formbus among its packages; run npm install there`);
  return formbus;
}

/** What starts a function: TypeScript in a checkout of Formbus, JavaScript in its package. */
export function mainFile(formbus: string): string {
  return existsSync(join(formbus, 'functions/main.ts'))
    ? join(formbus, 'functions/main.ts')
    : join(formbus, 'functions/main.js');
}

/** In each folder of forms/ and tasks/ the file of the folder's name. A task of the project's own replaces the built-in one. */
export function functionFiles(root: string, formbus: string): string[] {
  const own = filesOf(root);
  const builtIn = formbus === root ? [] : filesOf(formbus);
  const names = new Set(own.map(nameOf));
  return [...own, ...builtIn.filter((file) => !names.has(nameOf(file)))];
}

function filesOf(root: string): string[] {
  return ['forms', 'tasks'].flatMap((kind) => {
    const folder = join(root, 'functions', kind);
    if (!existsSync(folder)) return [];
    const files = readdirSync(folder).flatMap((name) => [
      join(folder, name, `${name}.ts`),
      join(folder, name, `${name}.js`),
    ]);
    return files.filter((file) => existsSync(file));
  });
}

/** The function's name. */
export const nameOf = (file: string): string => parse(file).name;
