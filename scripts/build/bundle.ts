import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { build, type OutputFile } from 'esbuild';
import { bundling } from './bundling.ts';
import { explain } from './explain.ts';
import { formbusFor, functionFiles, mainFile } from './function-files.ts';
import { leftOut } from './left-out.ts';
import { openReader } from './reader.ts';

/**
 * Bundles every function of `root`, and the built-in tasks of the Formbus that it uses, for a fast cold start: `main.mjs`, one
 * `<name>.mjs` per function beside it, and what they share in `chunks/`. The folder appears complete or not at all.
 * @param outDir where the bundle goes; with `versioned`, the folder in which the bundle gets one named by its content, so
 *   that running instances keep theirs and an unchanged bundle keeps its path (and with it Node's compile cache); its
 *   `versions.json` has a digest of each function's sources
 * @returns the folder that holds `main.mjs`
 * @throws Error with esbuild's messages, or what to do when the project has no Formbus
 */
export async function bundleFunctions({
  root,
  outDir,
  versioned = false,
}: {
  root: string;
  outDir: string;
  versioned?: boolean;
}): Promise<string> {
  if (!versioned) refuseForeign(outDir);
  const { files, versions } = await compile(root, formbusFor(root));
  if (versioned) files.push({ path: 'versions.json', contents: Buffer.from(JSON.stringify(versions)) });
  const target = versioned ? join(outDir, digest(files)) : outDir;
  if (versioned && existsSync(target)) return target;
  const fresh = `${target}.${process.pid}.new`;
  await rm(fresh, { recursive: true, force: true });
  for (const { path, contents } of files) {
    const file = join(fresh, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, contents);
  }
  await replace(target, fresh);
  return target;
}

/** What is not a bundle is not replaced: `--out` may be mistyped. */
function refuseForeign(dir: string) {
  if (!existsSync(dir) || existsSync(join(dir, 'main.mjs')) || readdirSync(dir).length === 0) return;
  throw new Error(`${dir} has something else in it than a bundle; give another folder`);
}

interface Compiled {
  files: { path: string; contents: Uint8Array }[];
  /** By function. */
  versions: Record<string, string>;
}

async function compile(root: string, formbus: string): Promise<Compiled> {
  const { alias, plugins } = leftOut(join(formbus, 'functions/lib'));
  const out = join(root, 'dist');
  const reader = openReader(root);
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: [mainFile(formbus), ...functionFiles(root, formbus)],
    outdir: out,
    write: false,
    metafile: true,
    alias,
    plugins: [...plugins, reader.plugin],
    ...bundling,
    // What is imported for its effect alone would be left out, because the package says that no module has one.
    logOverride: { 'ignored-bare-import': 'error' },
  }).catch(async (error: unknown) => {
    throw new Error(`the functions do not bundle:\n${await explain(error)}`, { cause: error });
  });
  const files = outputFiles.map(({ path, contents }: OutputFile) => ({
    path: relative(out, path),
    contents,
  }));
  return { files, versions: reader.versions(metafile) };
}

function digest(files: { path: string; contents: Uint8Array }[]): string {
  const hash = createHash('sha256');
  for (const { path, contents } of files.toSorted((a, b) => a.path.localeCompare(b.path))) {
    hash.update(`${path}\0${contents.length}\0`).update(contents);
  }
  return hash.digest('hex').slice(0, 16);
}

async function replace(target: string, fresh: string) {
  const old = `${target}.${process.pid}.old`;
  if (existsSync(target)) await rename(target, old);
  await rename(fresh, target);
  await rm(old, { recursive: true, force: true });
}
