import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { startChild, type Child } from '../processes/child.ts';
import type { Log } from '../log.ts';

/** Reports what is wrong with the types of the functions, while everything runs. */
export interface TypeCheck {
  /** Says that files have changed. One check is under way at a time; what changes meanwhile is met by the next. */
  wake(): void;
  close(): Promise<void>;
}

/** A change to what many files use makes as many mistakes. */
const told = 10;

/**
 * Checks with the project's own TypeScript, each time in a process of its own; only what has changed since the last time is looked at
 * again. A mistake is a warning: what Node can run without types, runs.
 * @param dir for what is kept between checks
 */
export function openTypeCheck({ root, dir, log }: { root: string; dir: string; log: Log }): TypeCheck {
  const compiler = findCompiler(root);
  let wanted = false;
  let isWrong = false;
  const closing = new AbortController();
  let child: Child | undefined;
  let working: Promise<void> | undefined;

  async function check(tsc: string) {
    const lines: string[] = [];
    child = await startChild({
      command: process.execPath,
      args: [tsc, '--project', writeProject(root, dir), '--pretty', 'false'],
      cwd: root,
      env: { PATH: process.env['PATH'] ?? '' },
      onLine: (line) => lines.push(line),
    });
    if (closing.signal.aborted) await child.stop(0);
    const how = await child.exited;
    if (closing.signal.aborted) return;
    // Of a mistake in several lines the first one has the place.
    const mistakes = lines.filter((line) => / error TS\d+: /.test(line));
    for (const line of mistakes.slice(0, told)) log.warn({ from: 'types' }, line);
    if (mistakes.length > told)
      log.warn({ from: 'types' }, `${mistakes.length - told} more; npm exec tsc has all`);
    if (mistakes.length === 0 && how !== 'exited with code 0')
      log.warn({ from: 'types' }, `the types are not checked: tsc ${how}: ${child.lastLines()}`);
    if (isWrong && how === 'exited with code 0') log.info({ from: 'types' }, 'the types are right again');
    isWrong = mistakes.length > 0;
  }

  async function work(tsc: string) {
    while (wanted && !closing.signal.aborted) {
      wanted = false;
      await check(tsc).catch((error: unknown) => log.warn({ from: 'types' }, String(error)));
    }
    working = undefined;
  }

  return {
    wake() {
      if (compiler === undefined) return;
      wanted = true;
      working ??= work(compiler);
    },
    async close() {
      closing.abort();
      await child?.stop(0);
      await working;
    },
  };
}

/** Undefined where there is nothing to check with, as in an installation without what development needs. */
function findCompiler(root: string): string | undefined {
  if (!existsSync(join(root, 'tsconfig.json'))) return undefined;
  try {
    const { resolve } = createRequire(join(root, 'package.json'));
    return join(resolve('typescript/package.json'), '../bin/tsc');
  } catch {
    return undefined;
  }
}

/** The project's settings, for what `npm start` runs; tests and tools are for `npm test`. */
function writeProject(root: string, dir: string): string {
  const file = join(dir, 'tsconfig.json');
  mkdirSync(dir, { recursive: true });
  const settings = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: {
      noEmit: true,
      incremental: true,
      tsBuildInfoFile: join(dir, 'types.tsbuildinfo'),
      typeRoots: [join(root, 'node_modules/@types')],
    },
    include: [join(root, 'functions')],
    exclude: [join(root, 'functions/**/*.test.ts'), join(root, 'functions/testing')],
  };
  writeFileSync(file, JSON.stringify(settings));
  return file;
}
