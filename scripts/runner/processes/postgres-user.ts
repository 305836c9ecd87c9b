import { spawnSync } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { startChild, type Child } from './child.ts';

/** What a command is run through, and who owns the data. */
export interface User {
  through: string[];
  ids: { uid: number; gid: number } | undefined;
}

/**
 * PostgreSQL refuses to run as root. There it runs as the user nobody, or as the owner of the data, with root's right to read:
 * this folder and the packages may lie where only root gets in.
 * @throws Error where that can't be done
 */
export async function userFor(data: string): Promise<User> {
  if (process.getuid?.() !== 0) return { through: [], ids: undefined };
  const owner = await stat(data).catch(() => undefined);
  const ids = owner ?? { uid: idOf('-u'), gid: idOf('-g') };
  const { uid, gid } = ids;
  const capability = '+dac_override';
  const options = ['--reuid', String(uid), '--regid', String(gid), '--clear-groups'];
  options.push('--inh-caps', capability, '--ambient-caps', capability);
  // Without it the kernel leaves that right out in access(), with which initdb looks for its programs.
  options.push('--securebits', '+no_setuid_fixup');
  // A process that changes its user is no longer tied to the runner.
  options.push('--pdeathsig', 'KILL');
  if (spawnSync('setpriv', [...options, '--', 'true']).status !== 0) {
    throw new Error(
      'PostgreSQL does not run as root, and setpriv of util-linux cannot change the user here; ' +
        'run npm start as another user, or set DATABASE_URL to a PostgreSQL that runs',
    );
  }
  return { through: ['setpriv', ...options, '--'], ids: { uid, gid } };
}

function idOf(which: '-u' | '-g'): number {
  return Number(spawnSync('id', [which, 'nobody'], { encoding: 'utf8' }).stdout);
}

/** Starts a command of PostgreSQL as that user. */
export function runAs(
  command: string,
  args: string[],
  { through }: User,
  cwd: string,
  onLine?: (line: string) => void,
): Promise<Child> {
  const [file = command, ...rest] = [...through, command, ...args];
  const { PATH = '/usr/bin:/bin' } = process.env;
  const env = { PATH, LANG: 'C', TZ: 'UTC' };
  return startChild({ command: file, args: rest, cwd, env, ...(onLine && { onLine }) });
}
