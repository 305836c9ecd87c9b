import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readVersions } from '../../manifests/rules/repository.ts';

export interface BuiltImage {
  /** The image's root file system. */
  rootfs: string;
  /** By the image's own word. */
  config: ImageConfig;
}

export interface ImageBuilder {
  /**
   * Builds the Dockerfile of a project.
   * @param volumes folders and files of this machine, by where they are during the build
   * @throws Error with the output of the step that failed
   */
  build(project: string, volumes?: Record<string, string>): Promise<BuiltImage>;
  /** Removes all images. */
  remove(): Promise<void>;
}

interface ImageConfig {
  User: string;
  Env: string[];
  Cmd: string[];
  WorkingDir: string;
}

const AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

/**
 * Builds images where no registry can be reached, as root: on a base made from this system's own packages, this Node and this npm,
 * under the name of the image that the Dockerfile of `root` names. All lies in `dir`.
 * @throws Error with the output of the step that failed
 */
export async function openBuilder({ root, dir }: { root: string; dir: string }): Promise<ImageBuilder> {
  const storage = ['--root', join(dir, 'storage'), '--runroot', join(dir, 'run')];
  const buildah = (...args: string[]) => run('buildah', [...storage, ...args]);
  // The real one's name without its digest, which cannot be chosen.
  const [name = ''] = (readVersions(root).images['node'] ?? '').split('@');
  const base = join(dir, 'base');
  await makeBase(base);
  const empty = await buildah('from', 'scratch');
  await buildah('add', '--quiet', empty, base, '/');
  await buildah('commit', '--quiet', '--rm', empty, name);

  let built = 0;
  return {
    async build(project, volumes = {}) {
      built += 1;
      const tag = `dev.local/image-${built}`;
      const isolated = ['--isolation', 'chroot', '--pull-never', '--layers=false'];
      const mounts = Object.entries({ '/root/.npm': npm('config', 'get', 'cache'), ...volumes });
      const volume = mounts.flatMap(([there, here]) => ['--volume', `${here}:${there}`]);
      const argument = ['--build-arg', `NODE_IMAGE=${name}`];
      await buildah('bud', ...isolated, ...volume, ...argument, '--tag', tag, project);
      const inspected: { OCIv1: { config: ImageConfig } } = JSON.parse(
        await buildah('inspect', '--type', 'image', tag),
      );
      const container = await buildah('from', '--pull-never', tag);
      return { rootfs: await buildah('mount', container), config: inspected.OCIv1.config };
    },
    async remove() {
      await buildah('umount', '--all');
      await buildah('rm', '--all');
      await buildah('rmi', '--all', '--force');
    },
  };
}

/** What the official image has that the Dockerfile uses: a Debian, Node and npm. npm gets this machine's authorities. */
async function makeBase(base: string) {
  const { suite, mirror } = aptSource();
  await run('debootstrap', ['--variant=minbase', suite, base, mirror]);
  const local = join(base, 'usr/local');
  const npmFolder = dirname(dirname(npmCli()));
  cpSync(process.execPath, join(local, 'bin/node'));
  cpSync(npmFolder, join(local, 'lib/node_modules/npm'), { recursive: true });
  symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(local, 'bin/npm'));
  mkdirSync(join(base, dirname(AUTHORITIES)), { recursive: true });
  cpSync(AUTHORITIES, join(base, AUTHORITIES));
  writeFileSync(join(local, 'etc/npmrc'), `cafile=${AUTHORITIES}\nprefer-offline=true\n`);
}

/** The system's own release, and the mirror that apt has it from. */
function aptSource(): { suite: string; mirror: string } {
  const suite = execFileSync('sh', ['-c', '. /etc/os-release && echo "$VERSION_CODENAME"']).toString().trim();
  const format = ['--format', '$(RELEASE) $(SITE)', 'Created-By: Packages'];
  const lines = execFileSync('apt-get', ['indextargets', ...format])
    .toString()
    .split('\n');
  const mirror = lines.map((line) => line.split(' ')).find(([release]) => release === suite)?.[1];
  if (!mirror) throw new Error(`apt knows no mirror of ${suite}; see /etc/apt/sources.list`);
  return { suite, mirror };
}

/** The npm that runs this, or the one on PATH. */
function npmCli(): string {
  const running = process.env['npm_execpath'];
  if (running?.endsWith('npm-cli.js')) return running;
  return execFileSync('sh', ['-c', 'readlink -f "$(command -v npm)"']).toString().trim();
}

function npm(...args: string[]): string {
  return execFileSync(process.execPath, [npmCli(), ...args])
    .toString()
    .trim();
}

async function run(command: string, args: string[]): Promise<string> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let all = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
    all += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => (all += chunk.toString()));
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${all}`);
  return out.trim();
}
