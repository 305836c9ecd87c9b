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
    plugins: [requiredBuiltins, silentRouter, recordEncoder(find('publish/kafka-record-bytes'))],
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

/** kafkajs's encoder of a record is no module of its own that an alias could name. */
function recordEncoder(file: string | undefined): Plugin {
  const contents = `module.exports = require(${JSON.stringify(file)}).encodeRecord`;
  return {
    name: 'record-encoder',
    setup({ onLoad }) {
      onLoad(
        { filter: /kafkajs[\\/]src[\\/]protocol[\\/]recordBatch[\\/]record[\\/]v0[\\/]index\.js$/ },
        ({ path }) => (file !== undefined ? { contents, resolveDir: dirname(path) } : undefined),
      );
    },
  };
}
