import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { build, type Plugin } from 'esbuild';
import { explain } from '../explain.ts';
import { formbusFor, functionFiles, mainFile, nameOf } from '../function-files.ts';
import { leftOut } from '../left-out.ts';
import { deferBuiltins } from './deferred-builtins.ts';

/** The snapshot's name in the folder of a bundle. */
export const snapshotFile = 'snapshot.blob';

/**
 * Adds a startup snapshot to the bundle in `dir`: `node --snapshot-blob snapshot.blob main.mjs` starts what `node main.mjs` starts, in
 * two thirds of the time. The snapshot fits the very Node that runs this; another one refuses it and says so.
 *
 * It holds the library of Formbus, loaded, and the functions as they are written: a function and its packages are loaded when it
 * starts, so that what they do then (read the environment, the clock, draw random numbers) is of that process.
 * @returns why the functions start from the bundle nevertheless, when they cannot be in a snapshot
 * @throws Error with what Node said when it cannot make the snapshot
 */
export async function addSnapshot({ root, dir }: { root: string; dir: string }): Promise<string | undefined> {
  const work = await mkdtemp(join(dir, 'snapshot-'));
  try {
    const compiled = await compile(root).catch(async (error: unknown) => ({ problem: await explain(error) }));
    const code = 'code' in compiled ? compiled.code : fromBundle;
    await writeFile(join(work, 'snapshot.cjs'), code);
    await make(work);
    if ('map' in compiled) await writeFile(join(dir, 'snapshot.cjs.map'), compiled.map);
    await rename(join(work, snapshotFile), join(dir, snapshotFile));
    return 'problem' in compiled ? compiled.problem : undefined;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function compile(root: string): Promise<{ code: Uint8Array; map: Uint8Array }> {
  const formbus = formbusFor(root);
  const lib = join(formbus, 'functions/lib');
  const { alias, plugins } = leftOut(lib);
  const { outputFiles } = await build({
    absWorkingDir: root,
    stdin: { contents: entry(lib, mainFile(formbus)), resolveDir: root },
    outfile: join(root, 'dist/snapshot.cjs'),
    write: false,
    alias,
    plugins: [deferBuiltins(Object.keys(alias)), loaderOf(functionFiles(root, formbus)), ...plugins],
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    // A snapshot holds its source as well. Names stay, for stacks and for packages that ask for the name of a class.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    sourcemap: 'external',
    sourcesContent: false,
    logLevel: 'silent',
    // Neither is there in a snapshot, where it would be undefined or without effect.
    logOverride: { 'empty-import-meta': 'error', 'ignored-bare-import': 'error' },
  });
  const [map, code] = outputFiles.toSorted((a, b) => b.path.length - a.path.length);
  if (!map || !code) throw new Error('esbuild wrote no map');
  return { code: code.contents, map: map.contents };
}

/** Loads the library, in which nothing may be drawn that is to differ between instances. */
const entry = (lib: string, main: string) => `
  const { startupSnapshot } = require('node:v8');
  const crypto = require('node:crypto');
  const drawing = ['getRandomValues', 'randomBytes', 'randomFill', 'randomFillSync', 'randomInt', 'randomUUID'];
  const originals = drawing.map((name) => [name, crypto[name]]);
  for (const name of drawing)
    crypto[name] = () => {
      throw new Error('crypto.' + name + ' while the snapshot is made: all instances would have the same');
    };
  require(${module(lib, 'index')});
  require(${module(lib, 'serve/serve')});
  for (const [name, original] of originals) crypto[name] = original;
  startupSnapshot.setDeserializeMainFunction(() => require(${JSON.stringify(main)}));
`;

/** TypeScript in a checkout of Formbus, JavaScript in its package. */
const module = (lib: string, name: string) =>
  JSON.stringify(
    ['ts', 'js'].map((extension) => join(lib, `${name}.${extension}`)).find((file) => existsSync(file)),
  );

/** For functions that cannot be in a snapshot: Node reads main.mjs, its first argument. */
const fromBundle = `
  require('node:v8').startupSnapshot.setDeserializeMainFunction(() => {
    const { createRequire } = process.getBuiltinModule('node:module');
    createRequire(process.cwd() + '/')(require('node:path').resolve(process.argv[1]));
  });
`;

/** Modules cannot be imported by their path here: the functions are named instead. */
function loaderOf(files: string[]): Plugin {
  const functions = files.map(
    (file) => `${JSON.stringify(nameOf(file))}: () => import(${JSON.stringify(file)})`,
  );
  const contents = `
    const functions = { ${functions.join(',')} };
    export async function loadModule(name) {
      return Object.hasOwn(functions, name) ? Object.values(await functions[name]()) : undefined;
    }
  `;
  return {
    name: 'loader',
    setup({ onLoad }) {
      onLoad({ filter: /[\\/]functions[\\/]lib[\\/]runtime[\\/]load\.[jt]s$/ }, () => ({ contents }));
    },
  };
}

/**
 * Node makes the snapshot, without the compiled code: that would fit only the processor it was made on, is 5 MB, and saves 5 ms. What a
 * package reads of the environment while it is loaded (`DEBUG`, say) is unset.
 */
async function make(work: string) {
  await writeFile(
    join(work, 'config.json'),
    JSON.stringify({ builder: 'snapshot.cjs', withoutCodeCache: true }),
  );
  const child = spawn(
    process.execPath,
    ['--snapshot-blob', snapshotFile, '--build-snapshot-config', 'config.json'],
    { cwd: work, env: { NODE_ENV: 'production' }, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  if (code !== 0 || said !== '')
    throw new Error(`Node ${process.version} makes no snapshot of the functions:\n${said}`);
}
