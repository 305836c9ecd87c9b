import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { temporaryFolder } from '../../testing/formbus.ts';

const project = join(import.meta.dirname, '../../..');

/** The machine's own Node and npm, which install the packages; undefined where that Node is as new as the packages want. */
function oldNode(): { node: string; npm: string } | undefined {
  const folders = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((path) => !path.includes('node_modules'));
  const find = (name: string) => folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  const [node, npm] = [find('node'), find('npm')];
  if (node === undefined || npm === undefined) return undefined;
  const version = Number(
    spawnSync(node, ['--print', 'process.versions.node'], { encoding: 'utf8' }).stdout.split('.')[0],
  );
  return version >= 20 && version < 22 ? { node, npm: realpathSync(npm) } : undefined;
}

const old = oldNode();

it.skipIf(!old)('npm ci on the oldest Node that is promised warns of nothing', async () => {
  const { path, remove } = await temporaryFolder();
  onTestFinished(remove);
  for (const file of ['package.json', 'package-lock.json', '.npmrc'])
    copyFileSync(join(project, file), join(path, file));
  const install = (...options: string[]) =>
    spawnSync(old?.node ?? '', [old?.npm ?? '', 'ci', '--dry-run', '--offline', ...options], {
      cwd: path,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HOME: path },
    });
  expect(install()).toMatchObject({ status: 0, stderr: '' });
  // Else there is nothing to be warned of, and this test and the setting may go.
  expect(install('--loglevel=warn').stderr).toContain('EBADENGINE');
});
