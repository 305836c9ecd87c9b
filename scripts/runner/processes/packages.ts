import { spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The commands that Formbus or its tests need and in which package each system has them. */
const packages = {
  'redis-server': { debian: 'redis-server', fedora: 'redis', brew: 'redis' },
  git: { debian: 'git', fedora: 'git', brew: 'git' },
  strace: { debian: 'strace', fedora: 'strace', brew: 'strace' },
  chromium: { debian: 'chromium', fedora: 'chromium', brew: '--cask chromium' },
  python3: { debian: 'python3', fedora: 'python3', brew: 'python' },
  java: { debian: 'default-jdk-headless', fedora: 'java-latest-openjdk-headless', brew: 'openjdk' },
  mvn: { debian: 'maven', fedora: 'maven', brew: 'maven' },
  buildah: { debian: 'buildah', fedora: 'buildah', brew: 'buildah' },
  debootstrap: { debian: 'debootstrap', fedora: 'debootstrap', brew: 'debootstrap' },
  runc: { debian: 'runc', fedora: 'runc', brew: 'runc' },
  nginx: { debian: 'nginx-light', fedora: 'nginx', brew: 'nginx' },
  prometheus: { debian: 'prometheus', fedora: 'golang-github-prometheus', brew: 'prometheus' },
} as const;

export type Command = keyof typeof packages;

export interface EnsureOptions {
  has?: (command: string) => boolean;
  /** Runs a command with the terminal's output; true when it exited with 0. */
  run?: (command: string, args: string[]) => boolean;
  isRoot?: boolean;
  say?: (line: string) => void;
}

/**
 * Makes sure that commands are there. On Debian, as root or with a sudo that asks nothing, what is missing is installed.
 * @throws Error that says what to install where
 */
export function ensure(
  commands: Command[],
  {
    has = isOnPath,
    run = runLoudly,
    isRoot = process.getuid?.() === 0,
    say = console.log,
  }: EnsureOptions = {},
) {
  const missing = commands.filter((command) => !has(command));
  if (missing.length === 0) return;

  const sudo = isRoot ? [] : ['sudo', '-n'];
  if (!has('apt-get') || (!isRoot && !(has('sudo') && run('sudo', ['-n', 'true'])))) {
    throw new Error(howTo(missing));
  }
  const names = missing.map((command) => packages[command].debian);
  say(
    `installing ${names.join(' ')} with apt-get, because ${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} missing`,
  );
  const [command = 'sh', ...args] = [...sudo, 'sh', '-c', installScript, 'sh', ...names];
  const installed = run(command, args);
  const left = missing.filter((command) => !has(command));
  if (!installed || left.length > 0)
    throw new Error(`apt-get did not install it. ${howTo(left.length > 0 ? left : missing)}`);
}

/** What to install where, or undefined when all commands are there. */
export function howToInstall(commands: Command[]): string | undefined {
  const missing = commands.filter((command) => !isOnPath(command));
  return missing.length > 0 ? howTo(missing) : undefined;
}

/** Debian starts what it installs as a system service, unless a policy-rc.d forbids it; ours is there for the moment only. */
const installScript = `
set -u
umask 022
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' INT TERM
  printf '#!/bin/sh\\nexit 101\\n' > "$policy" && chmod 755 "$policy"
fi
install() { apt-get -o DPkg::Lock::Timeout=300 install --yes --quiet=2 --no-install-recommends "$@"; }
install "$@" 2>/dev/null || { apt-get --quiet=2 update && install "$@"; }
`;

function howTo(commands: Command[]): string {
  const on = (system: 'debian' | 'fedora' | 'brew') =>
    commands.map((command) => packages[command][system]).join(' ');
  return [
    `${commands.join(' and ')} ${commands.length > 1 ? 'are' : 'is'} missing; install with`,
    `  Debian, Ubuntu:  sudo apt-get install ${on('debian')}`,
    `  Fedora:          sudo dnf install ${on('fedora')}`,
    `  macOS:           brew install ${on('brew')}`,
  ].join('\n');
}

function isOnPath(command: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      const file = join(folder, command);
      accessSync(file, constants.X_OK);
      return statSync(file).isFile();
    } catch {
      return false;
    }
  });
}

/** apt-get reports its progress on stdout; a caller's stdout may be for something else. */
function runLoudly(command: string, args: string[]): boolean {
  return spawnSync(command, args, { stdio: ['ignore', process.stderr, process.stderr] }).status === 0;
}

function isCommand(name: string): name is Command {
  return name in packages;
}

if (import.meta.main) {
  const commands = process.argv.slice(2);
  try {
    const unknown = commands.filter((name) => !isCommand(name));
    if (unknown.length > 0 || commands.length === 0) {
      throw new Error(
        `usage: node scripts/runner/processes/packages.ts COMMAND...   (${Object.keys(packages).join(', ')})`,
      );
    }
    ensure(commands.filter(isCommand));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
