import { spawnSync } from 'node:child_process';
import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { bundleFunctions } from '../../build/bundle.ts';

const root = join(import.meta.dirname, '../../..');

/** A way to start a function, in a process of its own. */
export interface Variant {
  name: string;
  command: string[];
  env?: Record<string, string>;
  cwd?: string;
  /** Runs before each start and is not measured. */
  before?: () => Promise<void>;
}

export const cliName = 'empty functions-framework, its CLI';
export const bundledName = 'empty functions-framework, bundled';
export const oursName = 'demo-form, bundled, Kafka';

/** All variants, built below `dir`. `sink` and `kafka` are where functions publish. */
export async function prepare(
  dir: string,
  { sink, kafka }: { sink: string; kafka: string },
): Promise<Variant[]> {
  const bundle = await bundleFunctions({ root, outDir: join(dir, 'bundle') });
  await symlink(join(root, 'node_modules'), join(dir, 'node_modules'));
  const empty = join(dir, 'empty');
  await mkdir(empty);
  await writeFile(join(empty, 'package.json'), '{"main":"index.cjs"}');
  await writeFile(
    join(empty, 'index.cjs'),
    "require('@google-cloud/functions-framework').http('empty', (req, res) => res.status(202).end());",
  );
  await writeFile(
    join(empty, 'main.cjs'),
    "require('./index.cjs'); require('@google-cloud/functions-framework/testing').getTestServer('empty').listen(Number(process.env.PORT), '127.0.0.1');",
  );
  await writeFile(
    join(dir, 'bare.mjs'),
    "import { createServer } from 'node:http'; createServer((req, res) => { req.resume().on('end', () => res.writeHead(202).end()); }).listen(Number(process.env.PORT), '127.0.0.1');",
  );
  const bundled = join(dir, 'empty-bundle.cjs');
  await build({
    entryPoints: [join(empty, 'main.cjs')],
    outfile: bundled,
    bundle: true,
    platform: 'node',
    logLevel: 'silent',
  });

  const common = {
    FUNCTION_TARGET: 'demo-form',
    HOST: '127.0.0.1',
    SPREADSHEET_ID: 'spreadsheet-1',
    IDEMPOTENCY_SECRET: 'only for this benchmark',
    LOG_LEVEL: 'warn',
  };
  const env = { ...common, K_SINK: sink };
  const kafkaEnv = { ...common, KAFKA_BROKERS: kafka };
  const cache = (name: string) => ({ NODE_COMPILE_CACHE: join(dir, name) });
  const cli = join(root, 'node_modules/@google-cloud/functions-framework/build/src/main.js');
  return [
    { name: cliName, command: [cli, '--target=empty'], cwd: empty },
    { name: 'empty functions-framework, own main', command: [join(empty, 'main.cjs')] },
    { name: bundledName, command: [bundled] },
    {
      name: 'empty functions-framework, bundled, compile cache',
      command: [bundled],
      env: cache('cache-empty'),
    },
    { name: 'empty node:http', command: [join(dir, 'bare.mjs')] },
    { name: 'demo-form, source', command: [join(root, 'functions/main.ts')], env },
    { name: 'demo-form, bundled', command: [join(bundle, 'main.mjs')], env },
    {
      name: 'demo-form, bundled, compile cache',
      command: [join(bundle, 'main.mjs')],
      env: { ...env, ...cache('cache') },
    },
    {
      name: 'demo-form, bundled, compile cache as an image could bring it',
      command: [join(bundle, 'main.mjs')],
      env: { ...env, ...cache('cache-image') },
      before: bakedCache(join(bundle, 'main.mjs'), env, dir),
    },
    { name: oursName, command: [join(bundle, 'main.mjs')], env: kafkaEnv },
    {
      name: 'demo-form, bundled, Kafka, compile cache',
      command: [join(bundle, 'main.mjs')],
      env: { ...kafkaEnv, ...cache('cache-kafka') },
    },
  ];
}

/** The compile cache of `--check`, which is all that a build can run. Restored each time, because an image's files do not change. */
function bakedCache(main: string, env: Record<string, string>, dir: string): () => Promise<void> {
  const baked = join(dir, 'cache-baked');
  spawnSync(process.execPath, [main, '--check'], { env: { ...env, NODE_COMPILE_CACHE: baked } });
  return async () => {
    await rm(join(dir, 'cache-image'), { recursive: true, force: true });
    await cp(baked, join(dir, 'cache-image'), { recursive: true });
  };
}
