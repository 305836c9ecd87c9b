import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot } from '../../../cli/root.ts';
import { startChild } from '../../processes/child.ts';
import { takeLock } from '../../data-folder/lock.ts';
import { ensure } from '../../processes/packages.ts';

const cache = () => join(projectRoot(), 'node_modules/.cache/formbus');

/** Fetching over a slow line: all jars are some 130 MB. */
const lockTimeoutMs = 600_000;

interface JarsOptions {
  /** Takes what is said while they are fetched. */
  say?: (line: string) => void;
}

/** The Java classpath of the Kafka that scripts/runner/kafka/server/pom.xml names. @throws Error as `classpathOf` does */
export function kafkaClasspath(options: JarsOptions = {}): Promise<string> {
  const pom = join(import.meta.dirname, 'pom.xml');
  return classpathOf({ pom, name: 'kafka', what: 'Apache Kafka', size: 'about 60 MB' }, options);
}

interface Jars {
  pom: string;
  /** Of its files in the cache. */
  name: string;
  /** What it is, and its size, in words. */
  what: string;
  size: string;
}

/**
 * The Java classpath of what a pom.xml names. The first time Maven fetches the jars into its own repository.
 * @throws Error that says what to install, or what Maven printed
 */
export async function classpathOf(jars: Jars, { say = console.log }: JarsOptions = {}): Promise<string> {
  const version = createHash('sha256').update(readFileSync(jars.pom)).digest('hex').slice(0, 12);
  const file = join(cache(), `${jars.name}-${version}.classpath`);
  const known = read(file);
  if (known) return known;

  ensure(['java', 'mvn'], { say });
  mkdirSync(cache(), { recursive: true });
  // Maven's repository is not made for two that fill it at once, as test files that run side by side would.
  const unlock = await waitForLock(join(cache(), 'maven.lock'));
  try {
    return read(file) ?? (await fetchJars(jars, file, say));
  } finally {
    unlock();
  }
}

/** The list of an earlier call, as long as each of its jars is still there. */
function read(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  const classpath = readFileSync(file, 'utf8');
  return classpath.split(delimiter).every((jar) => existsSync(jar)) ? classpath : undefined;
}

async function fetchJars(
  { pom, what, size }: Jars,
  file: string,
  say: (line: string) => void,
): Promise<string> {
  say(`fetching the jars of ${what} with Maven, this once (${size})`);
  const fresh = `${file}.new`;
  const { env } = process;
  const maven = await startChild({
    command: 'mvn',
    args: ['-B', '-q', '-f', pom, 'dependency:build-classpath', `-Dmdep.outputFile=${fresh}`],
    cwd: dirname(pom),
    env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, value ?? ''])),
  });
  const how = await maven.exited;
  if (how !== 'exited with code 0') {
    throw new Error(`mvn could not fetch the jars of ${what}: it ${how}\n${maven.lastLines()}`);
  }
  renameSync(fresh, file);
  return readFileSync(file, 'utf8');
}

async function waitForLock(file: string): Promise<() => void> {
  const deadline = performance.now() + lockTimeoutMs;
  for (;;) {
    try {
      return takeLock(file, 'another process fetches jars with Maven and does not end');
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(200);
    }
  }
}
