import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parse, relative } from 'node:path';
import type { Metafile, Plugin } from 'esbuild';

/** What imports this may import any form by its name. */
const loader = /(^|\/)functions\/lib\/form\/load-form\.[jt]s$/;

/** Notes what esbuild reads of our own sources, as it is read: a file may be saved again while the build is under way. */
export function openReader(root: string): {
  plugin: Plugin;
  /** By the name of each entry point: a digest of its sources and of all that they use. */
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
      const entries = Object.entries(outputs).flatMap(([file, { entryPoint: entry }]) =>
        entry === undefined ? [] : [{ file, entry }],
      );
      const written = new Set(Object.values(outputs).flatMap(codeIn));
      const sourcesOf = ({ file, entry }: { file: string; entry: string }) => {
        const loaded = new Set(reachable(outputs, file).flatMap((path) => codeIn(outputs[path])));
        // Of what it could import it may use little. A file without code, which only exports others again, chooses what is used.
        return reachable(inputs, entry).filter((path) => loaded.has(path) || !written.has(path));
      };
      const forms = entries.filter(({ entry }) => entry.includes('/forms/')).flatMap(sourcesOf);
      return Object.fromEntries(
        entries.map((one) => {
          const own = sourcesOf(one);
          const loaded = own.some((path) => loader.test(path)) ? forms : [];
          // Packages do not change while something runs.
          const parts = [...new Set([...own, ...loaded])]
            .toSorted()
            .map((path) => [path, digests.get(path) ?? inputs[path]?.bytes]);
          return [parse(one.entry).name, digestOf(JSON.stringify(parts))];
        }),
      );
    },
  };
}

/** The files whose code is in an output. */
function codeIn(output: Metafile['outputs'][string] | undefined): string[] {
  return Object.entries(output?.inputs ?? {}).flatMap(([path, { bytesInOutput }]) =>
    bytesInOutput > 0 ? path : [],
  );
}

function reachable(files: Record<string, { imports: { path: string }[] }>, first: string): string[] {
  const seen = new Set([first]);
  // A Set also visits what is added on the way.
  for (const file of seen) for (const { path } of files[file]?.imports ?? []) seen.add(path);
  return [...seen];
}

function digestOf(contents: Uint8Array | string): string {
  return createHash('sha256').update(contents).digest('hex').slice(0, 16);
}
