import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { markdownOf } from '../bench/parts/markdown.ts';
import type { Measured } from '../bench/parts/measured.ts';
import { watchOthers } from '../bench/parts/quiet.ts';
import { flawsOf, saveFigures } from '../bench/parts/save.ts';

const folder = join(import.meta.dirname, '../bench');
const names = readdirSync(folder).flatMap((file) => (file.endsWith('.ts') ? [file.slice(0, -3)] : []));
const help = `Runs benchmarks and prints tables.

  npm run bench -- NAME [--save] [--json] [--runs N]

NAME      all, ${names.join(', ')}
--save    also writes the tables to scripts/bench/README.md and the plots to scripts/bench/results/, unless there were errors or
          other programs kept the machine busy
--json    prints the numbers as JSON
--runs N  measurements of each variant, in turns (default: about four minutes' worth); more is more precise
--help    prints this text
`;

interface Benchmark {
  /** @param options.runs measurements of each variant */
  measure(options: { runs?: number }): Promise<Measured>;
}

async function main(): Promise<void> {
  await measureNamed();
  process.exit();
}

async function measureNamed(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      save: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      runs: { type: 'string' },
    },
  });
  const [name = ''] = positionals;
  if (name === 'all') return measureAll();
  if (!names.includes(name)) throw new Error(`"${name}" is not a benchmark\n\n${help}`);
  const runs = values.runs === undefined ? undefined : Number(values.runs);
  if (runs !== undefined && !(Number.isInteger(runs) && runs > 0))
    throw new Error(`--runs takes a whole number above 0, not ${values.runs}`);

  const { measure }: Benchmark = await import(join(folder, `${name}.ts`));
  const othersSince = watchOthers();
  const measured = await measure(runs === undefined ? {} : { runs });
  const { plots: _, ...figures } = measured;
  const command = ['npm run bench --', ...process.argv.slice(2)].join(' ');
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim()}, Node ${process.versions.node}`;
  const others = othersSince();
  const about = { command, machine, date: new Date().toISOString().slice(0, 10), others };
  console.log(
    values.json ? JSON.stringify({ ...about, ...figures }, null, 2) : `${markdownOf(about, measured)}\n`,
  );
  if (!values.save) return;
  const flaws = flawsOf(measured, about);
  if (flaws.length > 0) throw new Error(`the figures of ${name} are not saved: ${flaws.join(', ')}`);
  saveFigures(folder, name, about, measured);
}

/** One after the other, each in its own process, because a process stays bound to its core. */
function measureAll(): void {
  const others = process.argv.slice(2).filter((option) => option !== 'all');
  for (const name of names) {
    const { status } = spawnSync(process.execPath, [import.meta.filename, name, ...others], {
      stdio: 'inherit',
    });
    if (status !== 0) process.exitCode = 1;
  }
}

process.once('SIGINT', () => process.exit(130)).once('SIGTERM', () => process.exit(143));
command(help, main, { failed: 1, isAbrupt: true });
