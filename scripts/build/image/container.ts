import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { becomesReady, type FunctionProcess } from '../../../functions/testing/process.ts';
import type { BuiltImage } from './build.ts';

export interface ContainerOptions {
  image: Pick<BuiltImage, 'rootfs' | 'config'>;
  /** A folder for this container alone; its last part is the container's name. */
  dir: string;
  env: Record<string, string>;
  user: { uid: number; gid: number };
  /** Folders of this machine, by where they are in the container; read-only. */
  volumes?: Record<string, string>;
}

/**
 * Starts a function as Knative does by our manifests: the image's own command, a read-only root, no capability, no writable
 * folder, no more than the given environment. The network is this machine's.
 */
export async function startContainer({
  image,
  dir,
  env,
  user,
  volumes = {},
}: ContainerOptions): Promise<FunctionProcess> {
  mkdirSync(dir, { recursive: true });
  const { Env, Cmd, WorkingDir } = image.config;
  const spec = {
    ociVersion: '1.0.2',
    process: {
      user,
      args: Cmd,
      cwd: WorkingDir,
      env: [...Env, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)],
      capabilities: { bounding: [], effective: [], permitted: [] },
      noNewPrivileges: true,
    },
    root: { path: image.rootfs, readonly: true },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
      ...Object.entries(volumes).map(([destination, source]) => ({
        destination,
        type: 'bind',
        source,
        options: ['bind', 'ro'],
      })),
    ],
    linux: { namespaces: ['pid', 'mount', 'ipc', 'uts'].map((type) => ({ type })) },
  };
  writeFileSync(join(dir, 'config.json'), JSON.stringify(spec));
  const state = ['--root', join(dir, 'state')];
  // Names of containers are the machine's, for their control groups are.
  const id = `formbus-${process.pid}-${dir.split('/').at(-1)}`;
  const child = spawn('runc', [...state, 'run', '--bundle', dir, id], { stdio: ['ignore', 'pipe', 'pipe'] });
  // Like a process's, it may have ended by then.
  const kill = (signal: string) => void spawnSync('runc', [...state, 'kill', id, signal]);
  return { ...(await becomesReady(child)), kill };
}
