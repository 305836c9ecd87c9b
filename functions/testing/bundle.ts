import { join } from 'node:path';
import * as v from 'valibot';
import { ask } from './services.ts';

/** Bundles a project's functions as for the image, with a startup snapshot. @returns the file that starts them */
export async function bundle(root: string, outDir: string): Promise<string> {
  const { dir } = await ask(v.object({ dir: v.string() }), 'bundle', { root, outDir });
  return join(dir, 'main.mjs');
}
