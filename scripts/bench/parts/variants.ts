import { join } from 'node:path';
import { build } from 'esbuild';
import { bundling } from '../../build/bundling.ts';

const root = join(import.meta.dirname, '../../..');

/** Bundles entry points, `name: file`, as functions are bundled for the image, but for what stands in for parts of the framework there. */
export async function bundleAlike(entryPoints: Record<string, string>, outdir: string): Promise<void> {
  await build({ ...bundling, absWorkingDir: root, entryPoints, outdir, logLevel: 'warning' });
}
