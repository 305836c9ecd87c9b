import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import * as v from 'valibot';

export interface FunctionProcess {
  url: string;
  kill(signal: NodeJS.Signals): void;
  /** The exit code, null after a signal. */
  exited: Promise<number | null>;
  /** What it has logged until now. */
  logged(): v.InferOutput<typeof Line>[];
}

const Line = v.pipe(v.string(), v.parseJson(), v.looseObject({ msg: v.string() }));

const Ready = v.object({ msg: v.literal('ready'), url: v.string() });

/**
 * Starts a function as its container does, from `main` (main.ts, or a bundle's main.mjs), and waits until it is ready.
 * @param options.flags Node's, before `main`
 */
export async function startFunction(
  main: string,
  env: Record<string, string>,
  { cwd, flags = [] }: { cwd?: string; flags?: string[] } = {},
): Promise<FunctionProcess> {
  const child = spawn(process.execPath, [...flags, main], {
    cwd,
    env: { PATH: process.env['PATH'], PORT: '0', HOST: '127.0.0.1', ...env, LOG_LEVEL: 'info' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return { ...(await becomesReady(child)), kill: (signal) => void child.kill(signal) };
}

/** Waits until the process says on its stdout where it listens. @throws Error with its stderr when it ends before */
export async function becomesReady(
  child: ChildProcessByStdio<null, Readable, Readable>,
): Promise<Omit<FunctionProcess, 'kill'>> {
  let complaint = '';
  child.stderr.on('data', (data: Buffer) => (complaint += data.toString()));
  const exited = once(child, 'exit').then(([code]) => (typeof code === 'number' ? code : null));
  const lines: v.InferOutput<typeof Line>[] = [];
  const url = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).on('line', (text) => {
      const line = v.safeParse(Line, text);
      if (!line.success) return;
      lines.push(line.output);
      const ready = v.safeParse(Ready, line.output);
      if (ready.success) resolve(ready.output.url);
    });
    child.once('close', (code) => reject(new Error(`exited with ${code}: ${complaint}`)));
  });
  return { url, exited, logged: () => lines };
}
