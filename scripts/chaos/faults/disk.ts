import { spawnSync } from 'node:child_process';
import { mkdir, rename, rm, statfs } from 'node:fs/promises';

/** A folder that can be made to run out of space. */
export interface Disk {
  path: string;
  /** From now on there is room for a few kilobytes more. @throws Error when this machine does not allow it */
  fill(): Promise<void>;
  /** Gives the room back. */
  relieve(): void;
  /** Removes the folder, or leaves its content in a plain folder at the same path. */
  close(options: { keep: boolean }): Promise<void>;
}

/** Small enough that it is full in the middle of something. */
const leftBytes = 64 * 1024;

/** Makes the folder a file system of its own where this user may mount one (root on Linux), else a plain one that never gets full. */
export async function openDisk(path: string): Promise<Disk> {
  await mkdir(path, { recursive: true });
  const size = '75%';
  const isMounted = mount('-t', 'tmpfs', '-o', `size=${size}`, 'formbus-chaos', path);
  const resize = (to: string | number) => mount('-o', `remount,size=${to}`, path);
  return {
    path,
    async fill() {
      // Writers are faster than we are: what was used a moment ago may be more than the new size by now.
      for (let tries = isMounted ? 20 : 0; tries > 0; tries -= 1) {
        const { blocks, bfree, bsize } = await statfs(path);
        if (resize((blocks - bfree) * bsize + leftBytes)) return;
      }
      throw new Error('this user may not mount a file system of its own; try as root on Linux');
    },
    relieve: () => void (isMounted && resize(size)),
    async close({ keep }) {
      if (isMounted) {
        // With their owners: PostgreSQL takes no other's files.
        if (keep) spawnSync('cp', ['--archive', path, `${path}-kept`]);
        spawnSync('umount', ['--lazy', path]);
        if (keep) {
          await rm(path, { recursive: true, force: true });
          await rename(`${path}-kept`, path);
        }
      }
      if (!keep) await rm(path, { recursive: true, force: true });
    },
  };
}

function mount(...args: string[]): boolean {
  return process.platform === 'linux' && spawnSync('mount', args).status === 0;
}
