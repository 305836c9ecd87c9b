import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { takeLock } from './lock.ts';

/** Where things are, for tools on this machine; with passwords, so no other user may read it. */
export interface Running {
  /** The gateway's. */
  url: string;
  redis: string;
  broker: string;
  /** Each Service is there by its name. */
  services: string;
  /** null for one that is not the runner's own. */
  database: string | null;
  /** The emulator's root URL; null for Google's own. */
  sheets: string | null;
  /** Broker addresses with commas between them; null without a Kafka. */
  kafka: string | null;
}

/** The file in a data folder that holds `Running` for as long as the runner runs. One that was killed leaves it behind, but not the lock. */
export const runningFile = 'running.json';
export const lockFile = 'lock';

export interface DataFolder {
  announce(running: Running): void;
  /** What to say of an error: of those that a folder causes which cannot be written, few name it. */
  explain(error: unknown): unknown;
  /** Frees the folder. */
  close(): void;
}

/**
 * Takes a data folder for this process, and keeps it from other users: submissions and secrets lie there.
 * @param shown its path as people know it
 * @throws Error that names it when it is in use, belongs to another user, or cannot be written
 */
export function takeDataFolder(folder: string, shown: string): DataFolder {
  const explain = (error: unknown) => explained(error, folder, shown);
  const running = join(folder, runningFile);
  const unlock = take();
  return {
    announce(what) {
      writeFileSync(`${running}.new`, `${JSON.stringify(what, null, 2)}\n`, { mode: 0o600 });
      renameSync(`${running}.new`, running);
    },
    explain,
    close() {
      rmSync(running, { force: true });
      unlock();
    },
  };

  function take() {
    const busy = `data folder ${shown} is in use by another formbus; stop it or choose another with --data`;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      refuseOthers(folder, shown);
      closeToOthers(folder);
      const taken = takeLock(join(folder, lockFile), busy);
      rmSync(running, { force: true });
      return taken;
    } catch (error) {
      throw explain(error);
    }
  }
}

/** `--data` may be mistyped, and all that lies in the folder is closed to other users. */
function refuseOthers(folder: string, shown: string) {
  // A file system of its own has the first one, npm run replay may have been here before.
  const names = readdirSync(folder).filter((name) => name !== 'lost+found' && !name.startsWith('replay-'));
  if (names.length === 0 || names.includes(lockFile)) return;
  throw new Error(
    `${shown} holds something other than the data of a formbus; choose another folder with --data`,
  );
}

/** What is there already may come from a version that left it open. */
function closeToOthers(folder: string) {
  chmodSync(folder, 0o700);
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const { mode = 0 } = (!entry.isSymbolicLink() && lstatSync(path, { throwIfNoEntry: false })) || {};
    if (mode & 0o077) chmodSync(path, mode & 0o700);
  }
}

function explained(error: unknown, folder: string, shown: string): unknown {
  const reason = whyNotWritable(folder);
  if (reason === undefined) return error;
  const said = error instanceof Error ? error.message : String(error);
  return new Error(`data folder ${shown} cannot be written: ${reason}; choose another with --data\n${said}`, {
    cause: error,
  });
}

const reasons: Record<string, string> = {
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  EROFS: 'it is read-only',
  ENOSPC: 'its disk is full',
  EDQUOT: "this user's share of its disk is used up",
  ENOTDIR: 'there is a file in its place',
  EEXIST: 'there is a file in its place',
};

/** With less than this, that was the fault: a first start takes some 50 MB. */
const neededBytes = 64 * 1024 ** 2;

function whyNotWritable(folder: string): string | undefined {
  // One that could not be made is refused by what is above it, for which Node says ENOENT on a read-only disk.
  if (!existsSync(folder)) return whyNotWritable(dirname(folder));
  const probe = join(folder, `probe-${process.pid}`);
  try {
    writeFileSync(probe, Buffer.alloc(65_536), { flush: true });
    const { bavail, bsize } = statfsSync(folder);
    const left = bavail * bsize;
    return left < neededBytes ? `its disk has ${Math.floor(left / 1024 ** 2)} MB left` : undefined;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    return reasons[code] ?? String(error);
  } finally {
    try {
      rmSync(probe, { force: true });
    } catch {
      // Not even that.
    }
  }
}
