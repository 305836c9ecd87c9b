import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface Child {
  pid: number;
  /** How it ended, in words: "exited with code 1", "was ended by SIGKILL". Never rejects. */
  exited: Promise<string>;
  running(): boolean;
  /** The last lines it printed to stderr, or to stdout if there are none. */
  lastLines(): string;
  /** Asks it to end (SIGTERM), and ends it with all it started (SIGKILL) after `graceMs`. Resolves when it is gone. Another call may shorten the time. */
  stop(graceMs: number): Promise<void>;
}

export interface ChildOptions {
  command: string;
  args: string[];
  cwd: string;
  env: Record<string, string>;
  /** Takes each line that the process prints. */
  onLine?: (line: string) => void;
}

/**
 * Starts a process that does not outlive this one: by `setpriv` of util-linux the kernel ends it when this process
 * dies, even of SIGKILL. Where there is no such `setpriv` (macOS), a runner that is killed so leaves its processes behind.
 * It has a process group of its own, so Ctrl-C in the terminal does not reach it.
 * @throws Error when the command cannot be started
 */
export async function startChild({
  command,
  args,
  cwd,
  env,
  onLine = () => {},
}: ChildOptions): Promise<Child> {
  const tie = tieToThisProcess();
  const [file, ...rest] = [...tie, command, ...args];
  const spawned = spawn(file ?? command, rest, {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = new Promise<string>((resolve) => {
    spawned.once('exit', (code, signal) => {
      killGroup(spawned.pid);
      const how = signal ? `was ended by ${signal}` : `exited with code ${code}`;
      // Its last words may still be in the pipes; should a stray descendant hold these open, they are not waited for.
      const timer = setTimeout(() => resolve(how), 250);
      spawned.once('close', () => {
        clearTimeout(timer);
        resolve(how);
      });
    });
  });
  await started(spawned, command);
  endWithThisProcess(spawned);
  const lastLines = collectLines(spawned, onLine);
  let asked = false;
  const running = () => spawned.exitCode === null && spawned.signalCode === null;
  return {
    pid: spawned.pid ?? 0,
    exited,
    running,
    lastLines,
    async stop(graceMs) {
      if (!running()) return;
      // A second SIGTERM would end a process at once whose handler takes only the first.
      if (!asked) spawned.kill('SIGTERM');
      asked = true;
      const timer = setTimeout(() => killGroup(spawned.pid), graceMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

const groups = new Set<number>();

/** For an orderly or a failing end of this process; `setpriv` is for SIGKILL. */
function endWithThisProcess(spawned: ChildProcess) {
  if (spawned.pid === undefined || spawned.exitCode !== null) return;
  const { pid } = spawned;
  if (groups.size === 0) process.on('exit', killAll);
  groups.add(pid);
  spawned.once('exit', () => {
    groups.delete(pid);
    if (groups.size === 0) process.off('exit', killAll);
  });
}

function killAll() {
  for (const pid of groups) killGroup(pid);
}

let tie: string[] | undefined;

function tieToThisProcess(): string[] {
  if (tie) return tie;
  const help =
    process.platform === 'linux' ? spawnSync('setpriv', ['--help'], { encoding: 'utf8' }).stdout : '';
  tie = help?.includes('--pdeathsig') ? ['setpriv', '--pdeathsig', 'KILL', '--'] : [];
  return tie;
}

function started(spawned: ChildProcess, command: string): Promise<void> {
  return new Promise((resolve, reject) => {
    spawned.once('spawn', resolve);
    spawned.once('error', (cause) =>
      reject(new Error(`cannot start ${command}: ${cause.message}`, { cause })),
    );
  });
}

/** Ends what a process started and left behind, too: all of them are in its group. */
function killGroup(pid: number | undefined) {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is empty.
  }
}

function collectLines(spawned: ChildProcess, onLine: (line: string) => void): () => string {
  const kept: Record<'stdout' | 'stderr', string[]> = { stdout: [], stderr: [] };
  for (const name of ['stdout', 'stderr'] as const) {
    const input = spawned[name];
    if (!input) continue;
    createInterface({ input }).on('line', (line) => {
      kept[name].push(line);
      if (kept[name].length > 20) kept[name].shift();
      onLine(line);
    });
  }
  return () => (kept.stderr.length > 0 ? kept.stderr : kept.stdout).join('\n');
}
