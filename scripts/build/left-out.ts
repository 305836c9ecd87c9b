import { existsSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import type { BuildOptions, Plugin } from 'esbuild';

/**
 * What esbuild is to leave out of a bundle, for a quick start and quick requests; what stands in its place is in `lib`. With each of
 * these the function answers as it does without, which its tests hold from its source and from its bundle.
 */
export function leftOut(lib: string): Required<Pick<BuildOptions, 'alias' | 'plugins'>> {
  // TypeScript in a checkout of Formbus, JavaScript in its package.
  const find = (path: string) =>
    ['ts', 'js'].map((extension) => join(lib, `${path}.${extension}`)).find((file) => existsSync(file));
  const standIns = ['domain', 'body-parser', 'mime-types'].flatMap((name) => {
    const file = find(`serve/stand-ins/${name}`);
    return file === undefined ? [] : [[name, file]];
  });
  return {
    alias: Object.fromEntries(standIns),
    plugins: [requiredBuiltins, silentRouter, quickKafkajs(find)],
  };
}

/**
 * Node's own modules are required, also where they are imported: an import of `node:http` evaluates all that it exports, of which
 * `WebSocket` alone makes Node load a client for HTTP that nobody here uses.
 */
const requiredBuiltins: Plugin = {
  name: 'required-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /./ }, ({ path, kind }) =>
      kind === 'import-statement' && isBuiltin(path) ? { path, namespace: 'builtin' } : undefined,
    );
    onLoad({ filter: /./, namespace: 'builtin' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)})`,
    }));
  },
};

/** Express asks `debug` a dozen times for each request whether it may speak. */
const silentRouter: Plugin = {
  name: 'silent-router',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^debug$/ }, ({ importer }) =>
      /node_modules[\\/](express|finalhandler|router|send)[\\/]/.test(importer)
        ? { path: 'debug', namespace: 'silent' }
        : undefined,
    );
    onLoad({ filter: /./, namespace: 'silent' }, () => ({ contents: 'module.exports = () => () => {}' }));
  },
};

/** Modules of kafkajs and what stands in for each. kafkajs requires them by paths that an alias cannot name. */
const kafkajsModules = [
  { module: 'producer/groupMessagesPerPartition', file: 'group-messages', exported: 'groupMessages' },
  { module: 'protocol/recordBatch/crc32C/index', file: 'crc32c', exported: 'crc32c' },
  { module: 'protocol/recordBatch/record/v0/index', file: 'record', exported: 'encodeRecord' },
];

function quickKafkajs(find: (path: string) => string | undefined): Plugin {
  return {
    name: 'quick-kafkajs',
    setup({ onLoad }) {
      for (const { module, file, exported } of kafkajsModules) {
        const standIn = find(`publish/stand-ins/${file}`);
        if (standIn === undefined) continue;
        const filter = new RegExp(`kafkajs/src/${module}\\.js$`.replaceAll('/', String.raw`[\\/]`));
        const contents = `module.exports = require(${JSON.stringify(standIn)}).${exported}`;
        onLoad({ filter }, ({ path }) => ({ contents, resolveDir: dirname(path) }));
      }
    },
  };
}
