import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, globSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { formatted, readRows } from '../emulators/sheets/grid/cells.ts';
import { listMetadata } from '../emulators/sheets/requests/developer-metadata.ts';
import { listSheets } from '../emulators/sheets/grid/sheet.ts';
import { withPostgres } from './postgres-template.ts';

const Status = v.object({
  name: v.string(),
  instances: v.number(),
  inFlight: v.number(),
  coldStarts: v.number(),
  pids: v.array(v.number()),
});
type Status = v.InferOutput<typeof Status>;

/** Formbus as `npm start` runs it: a process of its own with a data folder of its own. */
export interface StartedFormbus {
  url: string;
  pid: number;
  /** What it printed, the last 2 MB. */
  output(): string;
  status(service: string): Promise<Status>;
  /** Fires the PingSource and waits for the flush; its status. */
  flush(): Promise<number>;
  /** Rows of a tab by the keys of its columns, whatever their headings are and wherever they stand; empty when there is no such tab yet. */
  rows(tab: string): Promise<Record<string, string>[]>;
  deadLetters(): Promise<unknown[]>;
  /** Resolves with the exit code, null after SIGKILL. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

export interface StartOptions {
  /** The project that is run. */
  root?: string;
  port?: number;
  /** With a Kafka of its own. */
  kafka?: boolean;
  /** Gets all that it prints. */
  log?: NodeJS.WritableStream;
  /** Its environment beyond PATH and HOME. */
  env?: Record<string, string>;
}

/** As in `npm start`. */
const nodeOptions = ['--max-semi-space-size=8'];

export async function startFormbus(
  data: string,
  { root = join(import.meta.dirname, '../..'), port = 0, kafka = false, log, env = {} }: StartOptions = {},
): Promise<StartedFormbus> {
  const own = join(root, 'scripts/commands/start.ts');
  // A project has Formbus among its packages.
  const script = existsSync(own) ? own : join(root, 'node_modules/formbus/scripts/commands/start.js');
  const options = ['--port', String(port), '--data', data, ...(kafka ? ['--kafka'] : [])];
  const child = spawn(process.execPath, [...nodeOptions, script, ...options], {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = openTail();
  const url = await new Promise<string>((resolve, reject) => {
    let isReady = false;
    const take = (chunk: Buffer) => {
      output.add(chunk.toString());
      log?.write(chunk);
      if (isReady) return;
      const ready = /ready after .*?(http:\S+)\//.exec(output.text())?.[1];
      isReady = ready !== undefined;
      if (ready) resolve(ready);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('close', (code) => reject(new Error(`npm start ended with ${code}:\n${output.text()}`)));
  });
  const json = async (path: string) => (await fetch(url + path)).json();
  return {
    url,
    pid: child.pid ?? 0,
    output: output.text,
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
      return rowsIn(join(data, 'sheets'), tab);
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

/** A temporary data folder, in which a Formbus starts without `initdb`. */
export async function dataFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const folder = await temporaryFolder();
  await withPostgres(folder.path);
  return folder;
}

/** The ids of running processes that name the folder in their command line or environment: what a runner could leave behind. */
export function processesOf(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const seen =
          readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8');
        return seen.includes(folder) && Number(pid) !== process.pid;
      } catch {
        return false;
      }
    })
    .map(Number);
}

/**
 * Copies this project, with its packages and without its data, to a folder that is not there yet.
 * @param windowSeconds so long its Services idle before they go to zero; 6 is Knative's least
 */
export function copyProject(root: string, { windowSeconds }: { windowSeconds?: number } = {}): void {
  const project = join(import.meta.dirname, '../..');
  const left = ['.git', '.formbus', 'node_modules', 'dist'].map((name) => join(project, name));
  cpSync(project, root, { recursive: true, filter: (path) => !left.includes(path) });
  symlinkSync(join(project, 'node_modules'), join(root, 'node_modules'));
  if (windowSeconds === undefined) return;
  for (const file of globSync('knative/{forms,tasks}/*.yaml', { cwd: root }).map((name) =>
    join(root, name),
  )) {
    const manifest = readFileSync(file, 'utf8');
    writeFileSync(file, manifest.replace(/(?<=\/window: )\w+/, `${windowSeconds}s`));
  }
}

/** Read from the emulator's file, which costs no quota. */
function rowsIn(folder: string, title: string): Record<string, string>[] {
  const db = new DatabaseSync(join(folder, 'sheets.sqlite'), { readOnly: true, timeout: 5_000 });
  try {
    const sql = db.createTagStore();
    const sheet = listSheets(sql, 'formbus').find((one) => one.title === title);
    if (!sheet) return [];
    const bound = listMetadata(sql, 'formbus').flatMap(({ metadataKey, metadataValue = '', location }) => {
      if (metadataKey !== 'formbus.column' || !('dimensionRange' in location)) return [];
      const { sheetId, startIndex } = location.dimensionRange;
      const column = sheetId === sheet.sheetId ? sheet.columns[startIndex] : undefined;
      return column ? [[metadataValue.replace(/^@/, ''), column.id] as const] : [];
    });
    return [...readRows(sql, sheet)]
      .map(({ cells }) => Object.fromEntries(bound.map(([key, id]) => [key, formatted(cells[id])])))
      .filter(({ id }) => id !== 'id');
  } finally {
    db.close();
  }
}

/** A long run prints more than is worth keeping in memory. */
const keptOutput = 2_000_000;

/** The end of a long text. Whoever prints waits for who reads: adding costs next to nothing. */
function openTail(): { add(text: string): void; text(): string } {
  let chunks: string[] = [];
  let length = 0;
  return {
    add(text) {
      chunks.push(text);
      length += text.length;
      if (length < 2 * keptOutput) return;
      chunks = [chunks.join('').slice(-keptOutput)];
      length = keptOutput;
    },
    text: () => chunks.join('').slice(-keptOutput),
  };
}
