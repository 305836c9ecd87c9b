import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleAlike, bundleAsImage } from './variants.ts';

const root = join(import.meta.dirname, '../../..');

/** A way to start a function, in a process of its own. */
export interface Variant {
  name: string;
  command: string[];
  env?: Record<string, string>;
  cwd?: string;
}

export const cliName = 'empty functions-framework, its CLI, cache';
export const bundledName = 'empty functions-framework, bundled, cache';
export const oursName = 'demo-form, snapshot, Kafka';

/**
 * All variants, built below `dir`; bundles of the framework and of node:http are made as the image's. "cache" is Node's compile
 * cache, filled by an earlier start; "snapshot" is how the image starts. `sink` and `kafka` are where functions publish.
 */
export async function prepare(
  dir: string,
  { sink, kafka }: { sink: string; kafka: string },
): Promise<Variant[]> {
  const snapshot = await bundleAsImage(join(dir, 'bundle'));
  await symlink(join(root, 'node_modules'), join(dir, 'node_modules'));
  const empty = join(dir, 'empty');
  await mkdir(empty);
  await writeFile(join(empty, 'package.json'), '{"main":"index.cjs"}');
  await writeFile(
    join(empty, 'index.cjs'),
    "require('@google-cloud/functions-framework').http('empty', (req, res) => res.status(202).end());",
  );
  const sources = join(import.meta.dirname, '../variants');
  const alike = join(dir, 'variants');
  await bundleAlike({ framework: join(sources, 'framework.ts'), bare: join(sources, 'bare.ts') }, alike);

  const common = {
    FUNCTION_TARGET: 'demo-form',
    HOST: '127.0.0.1',
    SPREADSHEET_ID: 'spreadsheet-1',
    IDEMPOTENCY_SECRET: 'only for this benchmark',
    LOG_LEVEL: 'warn',
    NODE_NO_WARNINGS: '1',
  };
  const env = { ...common, K_SINK: sink };
  const kafkaEnv = { ...common, KAFKA_BROKERS: kafka };
  const cache = (name: string) => ({ NODE_COMPILE_CACHE: join(dir, 'cache', name) });
  const cli = join(root, 'node_modules/@google-cloud/functions-framework/build/src/main.js');
  const withCli = { command: [cli, '--target=empty'], cwd: empty };
  const framework = [join(alike, 'framework.mjs')];
  const main = snapshot.slice(-1);
  return [
    { name: cliName.replace(', cache', ''), ...withCli },
    { name: cliName, ...withCli, env: cache('cli') },
    { name: bundledName.replace(', cache', ''), command: framework },
    { name: bundledName, command: framework, env: cache('framework') },
    { name: 'bare node:http', command: [join(alike, 'bare.mjs')] },
    { name: 'demo-form, source', command: [join(root, 'functions/main.ts')], env },
    { name: 'demo-form, bundled', command: main, env },
    { name: 'demo-form, bundled, cache', command: main, env: { ...env, ...cache('form') } },
    { name: 'demo-form, snapshot', command: snapshot, env },
    { name: 'demo-form, bundled, Kafka', command: main, env: kafkaEnv },
    { name: 'demo-form, bundled, cache, Kafka', command: main, env: { ...kafkaEnv, ...cache('kafka') } },
    { name: oursName, command: snapshot, env: kafkaEnv },
  ];
}
