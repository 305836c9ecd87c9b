import { join } from 'node:path';
import { isBuiltin } from 'node:module';
import { build } from 'esbuild';

/** The names of the packages that built files import, directly or by what they import, in alphabetical order. */
export async function importedPackages(root: string, files: string[]): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: files.map((file) => join(root, file)),
    outdir: root,
    bundle: true,
    write: false,
    metafile: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    logLevel: 'silent',
  });
  const paths = Object.values(metafile.inputs).flatMap(({ imports }) =>
    imports.filter(({ external }) => external).map(({ path }) => path),
  );
  const names = paths.filter((path) => !isBuiltin(path)).map(packageOf);
  return [...new Set(names)].filter((name) => name !== 'formbus').toSorted();
}

const packageOf = (path: string) =>
  path
    .split('/')
    .slice(0, path.startsWith('@') ? 2 : 1)
    .join('/');
