import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { checkFunctions } from './check.ts';
import { resolveEnvironments, type Env, type Override } from './environment.ts';
import type { Manifests, Service } from '../../manifests/types.ts';

/** What runs: the manifests and what belongs to them. */
export interface Deployment {
  manifests: Manifests;
  environments: Map<string, Env>;
  /** The folder of the bundled functions. */
  bundle: string;
  compileCache: string;
  /** By Service: differs when its instances would differ, by manifest, environment or code. */
  versions: Map<string, string>;
}

/**
 * Puts a deployment together, and lets those functions check their environment that differ from what runs.
 * @throws Error that names the manifest, and what is wrong; nothing is changed
 */
export async function deploy({
  root,
  manifests,
  bundle,
  overrides,
  ambient,
  running,
}: {
  root: string;
  manifests: Manifests;
  bundle: string;
  overrides: Override[];
  ambient: Record<string, string | undefined>;
  running?: Deployment;
}): Promise<Deployment> {
  const { services } = manifests;
  const environments = resolveEnvironments({ services, overrides, ambient });
  const code = v.parse(Versions, JSON.parse(readFileSync(join(bundle, 'versions.json'), 'utf8')));
  const versions = new Map(
    services.map((service) => {
      const { file: _, ...settings } = service;
      const env = environments.get(service.name);
      const hash = createHash('sha256').update(JSON.stringify([settings, env]));
      if (service.command) for (const file of ownFiles(root, service)) hash.update(file);
      else hash.update(JSON.stringify([code['main'], code[service.name]]));
      return [service.name, hash.digest('hex')];
    }),
  );
  const compileCache = join(bundle, '.compile-cache');
  const fresh = services.filter(({ name }) => versions.get(name) !== running?.versions.get(name));
  await checkFunctions({ services: fresh, environments, bundle, compileCache });
  return { manifests, environments, bundle, compileCache, versions };
}

const Versions = v.record(v.string(), v.string());

/** What a command of its own may run: all that lies in the function's folder. */
function ownFiles(root: string, { name }: Service): Buffer[] {
  const files = globSync(`functions/{forms,tasks}/${name}/**`, { cwd: root, withFileTypes: true });
  return files
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .toSorted()
    .map((file) => readFileSync(file));
}
