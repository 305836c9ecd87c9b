import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parse, relative } from 'node:path';
import type { Metafile, Plugin } from 'esbuild';

/** What imports this may import any form by its name. */
const loader = /(^|\/)functions\/lib\/form\/load-form\.[jt]s$/;

/** Notes what esbuild reads of our own sources, as it is read: a file may be saved again while the build is under way. */
export function openReader(root: string): {
  plugin: Plugin;
  /** By the name of each entry point: a digest of its sources and of all that they import. */
  versions(metafile: Metafile): Record<string, string>;
} {
  const digests = new Map<string, string>();
  return {
    plugin: {
      name: 'reader',
      setup({ onLoad }) {
        onLoad({ filter: /[\\/]functions[\\/]/ }, async ({ path }) => {
          if (path.includes('node_modules')) return undefined;
          const contents = await readFile(path);
          digests.set(relative(root, path), digestOf(contents));
          return { contents, loader: 'default' };
        });
      },
    },
    versions({ inputs, outputs }) {
      const entryPoints = Object.values(outputs).flatMap(({ entryPoint }) => entryPoint ?? []);
      const forms = entryPoints.filter((one) => one.includes('/forms/'));
      const importsOf = (path: string) => inputs[path]?.imports.map((one) => one.path) ?? [];
      // Packages do not change while something runs.
      const digest = (paths: string[]) =>
        digestOf(
          JSON.stringify(paths.toSorted().map((path) => [path, digests.get(path) ?? inputs[path]?.bytes])),
        );
      const known = new Map<string, string>();
      /** Of all that these import; forms import the same, and 500 times the same walk took a second. */
      const digestOfImports = (imports: string[]) => {
        const key = JSON.stringify(imports);
        const own = known.get(key) ?? digest(withAllForms(reachable(imports)));
        known.set(key, own);
        return own;
      };
      const reachable = (from: string[]) => {
        const seen = new Set(from);
        // A Set returns what is added while it is gone through, too.
        for (const path of seen) for (const next of importsOf(path)) seen.add(next);
        return [...seen];
      };
      const withAllForms = (paths: string[]) =>
        paths.some((path) => loader.test(path)) ? reachable([...paths, ...forms]) : paths;
      return Object.fromEntries(
        entryPoints.map((entry) => [
          parse(entry).name,
          digestOf(JSON.stringify([digest([entry]), digestOfImports(importsOf(entry))])),
        ]),
      );
    },
  };
}

function digestOf(contents: Uint8Array | string): string {
  return createHash('sha256').update(contents).digest('hex').slice(0, 16);
}
