import { join } from 'node:path';
import { build } from 'esbuild';
import { bundleFunctions } from '../../build/bundle.ts';
import { bundling } from '../../build/bundling.ts';
import { addSnapshot, snapshotFile } from '../../build/snapshot/snapshot.ts';

const root = join(import.meta.dirname, '../../..');

/** Bundles all functions in `dir`, with the snapshot. Returns Node's arguments to start one as the image does. */
export async function bundleAsImage(dir: string): Promise<string[]> {
  const bundle = await bundleFunctions({ root, outDir: dir });
  const problem = await addSnapshot({ root, dir: bundle });
  if (problem !== undefined) throw new Error(problem);
  return ['--snapshot-blob', join(bundle, snapshotFile), join(bundle, 'main.mjs')];
}

/** Bundles entry points, `name: file`, as functions are bundled for the image, but for what stands in for parts of the framework there. */
export async function bundleAlike(entryPoints: Record<string, string>, outdir: string): Promise<void> {
  await build({ ...bundling, absWorkingDir: root, entryPoints, outdir, logLevel: 'warning' });
}

/** The environment of student-data-form, which the usual way reads, too. */
export function formEnv(kafka: string): Record<string, string> {
  return {
    KAFKA_BROKERS: kafka,
    KAFKA_TOPIC: 'form-submissions',
    FUNCTION_TARGET: 'student-data-form',
    SPREADSHEET_ID: 'spreadsheet-1',
    IDEMPOTENCY_SECRET: 'only for this benchmark',
    NODE_ENV: 'production',
    // kafkajs sets timers with a negative time, and Node warns about them.
    NODE_NO_WARNINGS: '1',
  };
}
