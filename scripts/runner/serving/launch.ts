import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleFunctions } from '../../build/bundle.ts';
import type { Deployment } from '../project/deployment.ts';
import { startInstance, type Instance } from './instance.ts';
import { logOutput, type Log } from '../log.ts';
import type { Service } from '../../manifests/types.ts';

/** Starts instances of the Services of a deployment. */
export interface Launcher {
  launch(service: Service, signal: AbortSignal): Promise<Instance>;
  /** What starts from now on belongs to this deployment. */
  use(deployment: Deployment): void;
  /** The bundles that processes run from. */
  inUse(): Set<string>;
}

/**
 * Starts an instance as the image would, `node main.mjs` in the bundle; or the manifest's own command, in `root`: what it runs lies there as
 * in the image that it is for.
 */
export function openLauncher({
  root,
  deployment,
  log,
}: {
  root: string;
  deployment: Deployment;
  log: Log;
}): Launcher {
  let current = deployment;
  const running = new Map<object, string>();
  return {
    async launch({ name, command, args }, signal) {
      const { bundle, compileCache, environments } = current;
      const [file = 'node', ...rest] = command ?? ['node', 'main.mjs'];
      const one = {};
      running.set(one, bundle);
      const over = () => running.delete(one);
      try {
        const instance = await startInstance({
          name,
          command: file === 'node' ? process.execPath : file,
          args: [...rest, ...args],
          cwd: command ? root : bundle,
          env: environments.get(name) ?? {},
          compileCache,
          onLine: (line) => logOutput(log, name, line),
          signal,
        });
        void instance.exited.then(over);
        return instance;
      } catch (error) {
        over();
        throw error;
      }
    },
    use(next) {
      current = next;
    },
    inUse: () => new Set(running.values()),
  };
}

/** Bundles, and removes the bundles that are not to be kept: the folder is ours alone. */
export async function bundleInto(root: string, folder: string, keep = new Set<string>()): Promise<string> {
  const bundle = await bundleFunctions({ root, outDir: folder, versioned: true });
  const others = (await readdir(folder)).map((name) => join(folder, name));
  const unused = others.filter((path) => path !== bundle && !keep.has(path));
  await Promise.all(unused.map((path) => rm(path, { recursive: true, force: true })));
  return bundle;
}
