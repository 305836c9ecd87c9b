import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Compiles files, and what they import, to JavaScript with declarations, in the same places below `out`.
 * @throws Error with the compiler's messages
 */
export async function compile(root: string, files: string[], out: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'formbus-compile-'));
  const project = join(folder, 'tsconfig.json');
  const settings = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      rewriteRelativeImportExtensions: true,
      rootDir: root,
      outDir: out,
      typeRoots: [join(root, 'node_modules/@types')],
    },
    // Declarations of what kafkajs does not declare are imported by nobody.
    files: [...files, 'functions/lib/publish/kafkajs.d.ts'].map((file) => join(root, file)),
    include: [],
  };
  writeFileSync(project, JSON.stringify(settings));
  const { resolve } = createRequire(join(root, 'package.json'));
  const tsc = join(resolve('typescript/package.json'), '../bin/tsc');
  try {
    await promisify(execFile)(process.execPath, [tsc, '--project', project, '--pretty', 'false']);
  } catch (error) {
    const text = error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error);
    throw new Error(`The package does not compile:\n${text}`, { cause: error });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
