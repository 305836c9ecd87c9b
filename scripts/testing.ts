import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';

const Status = v.object({
  name: v.string(),
  instances: v.number(),
  inFlight: v.number(),
  coldStarts: v.number(),
  pids: v.array(v.number()),
});
export type Status = v.InferOutput<typeof Status>;

/** Formbus as `npm start` runs it: a process of its own with a data folder of its own. */
export interface StartedFormbus {
  url: string;
  pid: number;
  /** What it printed, the last 2 MB. */
  output(): string;
  status(service: string): Promise<Status>;
  /** Fires the PingSource and waits for the flush; its status. */
  flush(): Promise<number>;
  /** Rows of a tab by column heading; empty when there is no such tab yet. */
  rows(tab: string): Promise<Record<string, string>[]>;
  deadLetters(): Promise<unknown[]>;
  /** Resolves with the exit code, null after SIGKILL. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

/** A long run prints more than is worth keeping in memory. */
const keptOutput = 2_000_000;

/** @param log gets all that it prints */
export async function startFormbus(
  data: string,
  { port = 0, log }: { port?: number; log?: NodeJS.WritableStream } = {},
): Promise<StartedFormbus> {
  const script = join(import.meta.dirname, 'start.ts');
  const child = spawn(process.execPath, [script, '--port', String(port), '--data', data], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    const take = (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-keptOutput);
      log?.write(chunk);
      const ready = /ready after .*?(http:\S+)\//.exec(output)?.[1];
      if (ready) resolve(ready);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('close', (code) => reject(new Error(`npm start ended with ${code}:\n${output}`)));
  });
  const json = async (path: string) => (await fetch(url + path)).json();
  return {
    url,
    pid: child.pid ?? 0,
    output: () => output,
    async status(service) {
      const found = v.parse(v.array(Status), await json('/_/services')).find(({ name }) => name === service);
      if (!found) throw new Error(`no service ${service}`);
      return found;
    },
    async flush() {
      const answer = await fetch(`${url}/_/schedules/sheets-flush`, { method: 'POST' });
      return v.parse(v.object({ status: v.number() }), await answer.json()).status;
    },
    async rows(tab) {
      const answer = await fetch(`${url}/_/sheets/${tab}.csv`);
      if (answer.status === 404) return [];
      return parseCsv(await answer.text());
    },
    async deadLetters() {
      return v.parse(v.array(v.unknown()), await json('/_/dead-letters'));
    },
    end: (signal) => end(child, signal),
  };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
  return child.exitCode;
}

export async function temporaryFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'formbus-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** RFC 4180; fields may be quoted and hold line ends. */
function parseCsv(text: string): Record<string, string>[] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
    if (end !== ',') rows.push([]);
  }
  const [head = [], ...body] = rows.filter((row) => row.length > 1 || row[0]);
  return body.map((row) => Object.fromEntries(head.map((key, i) => [key, row[i] ?? ''])));
}
