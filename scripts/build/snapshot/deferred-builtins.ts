import { createRequire, isBuiltin } from 'node:module';
import type { Plugin } from 'esbuild';

/**
 * The modules of Node that a startup snapshot may contain, of those that functions use. Node warns of any other while it makes the
 * snapshot, which ends the build: a wrong name in this list cannot go unnoticed.
 */
const taken = new Set(
  (
    'assert buffer constants crypto diagnostics_channel dns events fs fs/promises net os path process querystring ' +
    'stream stream/promises string_decoder timers timers/promises url util util/types v8 zlib'
  ).split(' '),
);

/** Express makes its requests and responses from these: they are linked to the real ones when a process starts. */
const inherited: Record<string, string[]> = { http: ['IncomingMessage', 'ServerResponse'] };

/**
 * Leaves the other modules of Node, `http` among them, to be loaded by the started process. What a package takes out of one while the
 * snapshot is made is a stand-in: a function that calls the real one later, or a constant.
 * @param replaced those in whose place the bundle has something else
 */
export function deferBuiltins(replaced: string[]): Plugin {
  return {
    name: 'deferred-builtins',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /./ }, ({ path }) => {
        const name = path.replace(/^node:/, '');
        const isDeferred = isBuiltin(path) && !taken.has(name) && !replaced.includes(path);
        return isDeferred ? { path: name, namespace: 'deferred' } : undefined;
      });
      onLoad({ filter: /./, namespace: 'deferred' }, ({ path }) => ({ contents: deferred(path) }));
    },
  };
}

const require = createRequire(import.meta.url);

function deferred(name: string): string {
  const members: Record<string, unknown> = require(`node:${name}`);
  const getters = Object.keys(members).map((member) => {
    const key = JSON.stringify(member);
    return `get ${key}() { return (loaded ?? (isMaking() ? { ${key}: ${early(key, members[member])} } : real()))[${key}]; },`;
  });
  return `
    const { addDeserializeCallback, isBuildingSnapshot: isMaking } = require('node:v8').startupSnapshot;
    let loaded;
    const real = () => (loaded ??= process.getBuiltinModule(${JSON.stringify(name)}));
    const inherited = ${JSON.stringify(inherited[name] ?? [])};
    const standIns = {};
    function standIn(key) {
      if (Object.hasOwn(standIns, key)) return standIns[key];
      function later(...args) {
        return new.target ? new (real()[key])(...args) : real()[key].apply(this, args);
      }
      // To inherit from another one throws, rather than that something is missing later.
      later.prototype = inherited.includes(key) ? {} : undefined;
      if (later.prototype)
        addDeserializeCallback(() => Object.setPrototypeOf(later.prototype, real()[key].prototype));
      return (standIns[key] = later);
    }
    module.exports = {
      ${getters.join('\n')}
    };
  `;
}

/** Code for what a member is while the snapshot is made. An object could be anything; it is not there. */
function early(key: string, value: unknown): string {
  if (typeof value === 'function') return `standIn(${key})`;
  return typeof value === 'object' && !Array.isArray(value) ? 'undefined' : JSON.stringify(value);
}
