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
      return Object.fromEntries(
        entryPoints.map((entry) => {
          const own = reachable(inputs, entry);
          const loaded = own.some((path) => loader.test(path))
            ? entryPoints.filter((one) => one.includes('/forms/'))
            : [];
          const sources = [
            ...new Set([...own, ...loaded.flatMap((one) => reachable(inputs, one))]),
          ].toSorted();
          // Packages do not change while something runs.
          const parts = sources.map((path) => [path, digests.get(path) ?? inputs[path]?.bytes]);
          return [parse(entry).name, digestOf(JSON.stringify(parts))];
        }),
      );
    },
  };
}

function reachable(inputs: Metafile['inputs'], entry: string): string[] {
  const seen = new Set([entry]);
  // A Set gives what is added while it is gone through, too.
  for (const path of seen) for (const { path: next } of inputs[path]?.imports ?? []) seen.add(next);
  return [...seen];
}

function digestOf(contents: Uint8Array | string): string {
  return createHash('sha256').update(contents).digest('hex').slice(0, 16);
}
