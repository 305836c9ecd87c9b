import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkFunctions } from './check.ts';
import type { Env } from './environment.ts';
import { service } from '../serving/testing.ts';

let bundle: string;
beforeEach(async () => {
  bundle = await mkdtemp(join(tmpdir(), 'formbus-'));
  // Notes what it is asked, and refuses each function whose name begins with "bad".
  await writeFile(
    join(bundle, 'main.mjs'),
    `import { appendFileSync } from 'node:fs';
     const names = [process.env.FUNCTION_TARGET, ...process.argv.slice(3)];
     appendFileSync('asked', names.join(' ') + '\\n');
     const bad = names.find((name) => name.startsWith('bad'));
     if (bad) { console.error(bad + ' lacks PLACE'); process.exit(1); }`,
  );
});
afterEach(() => rm(bundle, { recursive: true }));

const asked = async () => (await readFile(join(bundle, 'asked'), 'utf8')).trimEnd().split('\n').toSorted();

function check(environments: Record<string, Env>) {
  const services = Object.keys(environments).map((name) =>
    service({ name, file: `knative/${name}.yaml`, command: undefined }),
  );
  return checkFunctions({
    services,
    environments: new Map(Object.entries(environments)),
    bundle,
    compileCache: join(bundle, '.compile-cache'),
  });
}

test('functions with the same environment share a process, as many as there may be at once', async () => {
  await check({
    a: { FUNCTION_TARGET: 'a', PLACE: 'x' },
    b: { PLACE: 'x', FUNCTION_TARGET: 'b' },
    c: { FUNCTION_TARGET: 'c', PLACE: 'x' },
    d: { FUNCTION_TARGET: 'd', PLACE: 'x' },
    e: { FUNCTION_TARGET: 'e', PLACE: 'another' },
  });
  expect(await asked()).toEqual(['a b', 'c d', 'e']);
});

test('one whose target is another function is checked as that one', async () => {
  await check({ a: { FUNCTION_TARGET: 'a' }, b: { FUNCTION_TARGET: 'other' } });
  expect(await asked()).toEqual(['a', 'other']);
});

test('a Service that only its image could start is reported with what to do, together with the problems of others', async () => {
  const refused = check({ theirs: { PLACE: 'x' }, 'bad-1': { FUNCTION_TARGET: 'bad-1' } });
  await expect(refused).rejects.toThrow(
    /^knative\/bad-1\.yaml: .*\nbad-1 lacks PLACE\nknative\/theirs\.yaml: theirs has no FUNCTION_TARGET, .* image dev\.local\/formbus .* npm start runs no images\. Give the container a command /,
  );
  expect(await asked()).toEqual(['bad-1']);
});

test('each one at fault is named with its manifest, the others of its process are not', async () => {
  const environments = ['a', 'bad-1', 'b', 'bad-2', 'c'].map((name) => [name, { FUNCTION_TARGET: name }]);
  const refused: unknown = await check(Object.fromEntries(environments)).catch((error: unknown) => error);
  expect(String(refused)).toBe(
    'Error: knative/bad-1.yaml: bad-1 exited with code 1:\nbad-1 lacks PLACE\n' +
      'knative/bad-2.yaml: bad-2 exited with code 1:\nbad-2 lacks PLACE',
  );
});
