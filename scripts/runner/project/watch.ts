import { watch } from 'chokidar';
import type { Log } from '../log.ts';

/** Watches folders with all that is in them. */
export interface Watch {
  /** Called after changes, those since the start included; once for changes shortly after one another. */
  onChange(listener: () => void): void;
  close(): Promise<void>;
}

/** How long it has to be quiet: a save, a generator and git write several files. */
const QUIET_MS = 150;

/** Resolves when no change escapes any more. */
export async function watchFolders(folders: string[], log: Log): Promise<Watch> {
  let listener: (() => void) | undefined;
  let untold = false;
  let timer: NodeJS.Timeout | undefined;
  const tell = () => {
    untold = listener === undefined;
    listener?.();
  };
  const watcher = watch(folders, { ignoreInitial: true, ignored: (path) => path.endsWith('.test.ts') });
  watcher.on('all', () => {
    clearTimeout(timer);
    timer = setTimeout(tell, QUIET_MS);
  });
  let isTold = false;
  watcher.on('error', (error) => {
    // Such as the system's limit of watched files, which each file meets.
    if (!isTold)
      log.warn({ error: String(error) }, 'changes may go unnoticed; restart npm start after a change');
    isTold = true;
  });
  await new Promise<void>((resolve) => void watcher.once('ready', resolve));
  return {
    onChange(given) {
      listener = given;
      if (untold) tell();
    },
    async close() {
      clearTimeout(timer);
      await watcher.close();
    },
  };
}
