import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { bundleFunctions } from './bundle.ts';
import { tempFolder } from '../runner/serving/testing.ts';

/** A project of two functions that share a module. */
function project(files: Record<string, string> = {}): string {
  const root = tempFolder();
  const all = {
    'functions/main.ts': `const file = './' + process.env.FUNCTION_TARGET + '.mjs'; const { name } = await import(file); console.log(name);`,
    'functions/lib/shared.ts': `export const greet = (name: string) => 'hello ' + name;`,
    'functions/forms/one/one.ts': `import { greet } from '../../lib/shared.ts'; export const name = greet('one');`,
    'functions/forms/one/one.test.ts': `throw new Error('a test is no function');`,
    'functions/tasks/two/two.ts': `import { greet } from '../../lib/shared.ts'; export const name = greet('two');`,
    ...files,
  };
  for (const [path, content] of Object.entries(all)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

function run(bundle: string, target: string): Promise<string> {
  const env = { FUNCTION_TARGET: target };
  const child = spawn(process.execPath, ['main.mjs'], {
    cwd: bundle,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return text(child.stdout);
}

test('main and each function become a file with its map, what they share a chunk, tests nothing', async () => {
  const root = project();
  const bundle = await bundleFunctions({ root, outDir: join(root, 'out') });
  const files = ['main.mjs', 'one.mjs', 'two.mjs'].flatMap((name) => [name, `${name}.map`]);
  expect(readdirSync(bundle).toSorted()).toEqual(['chunks', ...files]);
  expect(readdirSync(join(bundle, 'chunks'))).toHaveLength(2);
  expect(await run(bundle, 'one')).toBe('hello one\n');
  expect(await run(bundle, 'two')).toBe('hello two\n');
});

test('CommonJS packages find modules of Node, and `domain` is the one of functions/lib', async () => {
  const root = project({
    'functions/lib/serve/stand-ins/domain.ts': `export const create = () => 'pass-through';`,
    'node_modules/old/index.js': `module.exports = require('node:path').sep + require('domain').create();`,
    'functions/tasks/two/two.ts': `import old from 'old'; export const name = old;`,
  });
  const bundle = await bundleFunctions({ root, outDir: join(root, 'out') });
  expect(await run(bundle, 'two')).toBe('/pass-through\n');
});

test('a module of kafkajs is replaced by the quicker one of functions/lib', async () => {
  const root = project({
    'functions/lib/publish/stand-ins/crc32c.ts': `export const crc32c = () => 'quick';`,
    'node_modules/kafkajs/index.js': `module.exports = require('./src/protocol/recordBatch/crc32C')();`,
    'node_modules/kafkajs/src/protocol/recordBatch/crc32C/index.js': `module.exports = () => 'slow';`,
    'functions/tasks/two/two.ts': `import name from 'kafkajs'; export { name };`,
  });
  const bundle = await bundleFunctions({ root, outDir: join(root, 'out') });
  expect(await run(bundle, 'two')).toBe('quick\n');
});

test('a versioned bundle keeps its folder while nothing changes; a new one leaves the old one alone', async () => {
  const root = project();
  const outDir = join(root, 'out');
  const first = await bundleFunctions({ root, outDir, versioned: true });
  expect(await bundleFunctions({ root, outDir, versioned: true })).toBe(first);
  writeFileSync(join(root, 'functions/forms/one/one.ts'), `export const name = 'new';`);
  const second = await bundleFunctions({ root, outDir, versioned: true });
  expect(second).not.toBe(first);
  expect(await run(first, 'one')).toBe('hello one\n');
  expect(await run(second, 'one')).toBe('new\n');
  expect(readdirSync(outDir)).toHaveLength(2);
});

test('who may load forms by their names is another version when one of them changes, and nobody else is', async () => {
  const root = project({
    'functions/lib/form/load-form.ts': `export const load = (name: string) => import('./' + name + '.mjs');`,
    'functions/tasks/three/three.ts': `import { load } from '../../lib/form/load-form.ts'; export const name = load('one');`,
  });
  const one = {
    'functions/forms/one/one.ts': `import { greet } from '../../lib/shared.ts'; export const name = greet('new');`,
  };
  expect(await changed(root, join(root, 'out'), one)).toEqual(['one', 'three']);
});
const Versions = v.record(v.string(), v.string());

/** Functions that are another version after the files have changed. */
async function changed(root: string, outDir: string, files: Record<string, string>): Promise<string[]> {
  const versions = async () => {
    const bundle = await bundleFunctions({ root, outDir, versioned: true });
    return v.parse(Versions, JSON.parse(readFileSync(join(bundle, 'versions.json'), 'utf8')));
  };
  const before = await versions();
  for (const [path, content] of Object.entries(files)) writeFileSync(join(root, path), content);
  const after = await versions();
  return Object.keys(after)
    .filter((name) => after[name] !== before[name])
    .toSorted();
}

test('a bundle replaces an older one as a whole, but nothing that is no bundle', async () => {
  const root = project();
  const outDir = join(root, 'out');
  await bundleFunctions({ root, outDir });
  writeFileSync(join(outDir, 'old.mjs'), '');
  await bundleFunctions({ root, outDir });
  expect(existsSync(join(outDir, 'old.mjs'))).toBe(false);
  expect(readdirSync(root).toSorted()).toEqual(['functions', 'out']);

  await expect(bundleFunctions({ root, outDir: root })).rejects.toThrow(
    'has something else in it than a bundle',
  );
  expect(readFileSync(join(root, 'functions/main.ts'), 'utf8')).not.toBe('');
});

test('a function that does not compile is reported with its place, and the older bundle stays', async () => {
  const root = project();
  const outDir = join(root, 'out');
  await bundleFunctions({ root, outDir });
  writeFileSync(join(root, 'functions/forms/one/one.ts'), `import '../missing.ts';`);
  await expect(bundleFunctions({ root, outDir })).rejects.toThrow(
    /the functions do not bundle:\n[^]*missing\.ts[^]*functions\/forms\/one\/one\.ts:1/,
  );
  expect(await run(outDir, 'one')).toBe('hello one\n');
});

test('a module that is imported for its effect alone is refused where the package says that none has one', async () => {
  const root = project({
    'package.json': '{"sideEffects": false}',
    'functions/lib/effect.ts': `console.log('effect');`,
    'functions/forms/one/one.ts': `import '../../lib/effect.ts'; export const name = 'one';`,
  });
  await expect(bundleFunctions({ root, outDir: join(root, 'out') })).rejects.toThrow(/effect\.ts/);
});

test('a server does not make Node load its client for HTTP', async () => {
  const root = project({
    'functions/forms/one/one.ts': `import { createServer } from 'node:http'; createServer(); export const name = process.moduleLoadList.filter((module) => module.includes('undici')).join();`,
  });
  const bundle = await bundleFunctions({ root, outDir: join(root, 'dist') });
  expect((await run(bundle, 'one')).trim()).toBe('');
});
