import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import * as formbus from 'formbus';

const sourceOf = (file: string) => readFileSync(join(import.meta.dirname, file), 'utf8');
const files = [...sourceOf('index.ts').matchAll(/^export \* from '(.+)';$/gm)].map(([, file = '']) => file);
const declarations = files.flatMap((file) =>
  [
    ...sourceOf(file).matchAll(/(\*\/\n)?^export (?:(?:const|function|class|interface|type) )?(\S+?)\b/gm),
  ].map(({ 1: documented, 2: name = '', index, input }) => {
    const above = input.slice(0, index);
    return { name, comment: documented ? above.slice(above.lastIndexOf('/**')) : '' };
  }),
);

it('every public name has a comment with an example', () => {
  expect(declarations.filter(({ comment }) => !comment.includes('@example'))).toEqual([]);
});

it('what can be imported is what these files declare', () => {
  const names = new Set(declarations.map(({ name }) => name));
  expect(Object.keys(formbus).filter((name) => !names.has(name))).toEqual([]);
  expect(Object.keys(formbus)).toEqual(expect.arrayContaining(['form', 'task', 'text', 'Unavailable']));
});
