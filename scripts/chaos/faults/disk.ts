import { spawnSync } from 'node:child_process';
import { mkdir, rename, rm, statfs } from 'node:fs/promises';

/** A folder that can run out of space on demand. */
export interface Disk {
  path: string;
  /** Leaves room for a few more kilobytes. @throws Error when this machine does not allow it */
  fill(): Promise<void>;
  /** Restores the room. */
  relieve(): void;
  /** Removes the folder, or keeps its content in a plain folder at the same path. */
  close(options: { keep: boolean }): Promise<void>;
}

/** Small enough to run out in the middle of a write. */
const leftBytes = 64 * 1024;

/** A file system of its own if this user may mount one (root on Linux), else a plain folder that never gets full. */
export async function openDisk(path: string): Promise<Disk> {
  await mkdir(path, { recursive: true });
  const size = '75%';
  const isMounted = mount('-t', 'tmpfs', '-o', `size=${size}`, 'formbus-chaos', path);
  const resize = (to: string | number) => mount('-o', `remount,size=${to}`, path);
  return {
    path,
    async fill() {
      // Writers race with this: by now, more than the new size may be in use.
      for (let tries = isMounted ? 20 : 0; tries > 0; tries -= 1) {
        const { blocks, bfree, bsize } = await statfs(path);
        if (resize((blocks - bfree) * bsize + leftBytes)) return;
      }
      throw new Error('this user may not mount a file system; try as root on Linux');
    },
    relieve: () => void (isMounted && resize(size)),
    async close({ keep }) {
      if (isMounted) {
        // With owners, because PostgreSQL refuses files of another user.
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
