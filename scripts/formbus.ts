#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { commands, developerCommands } from './cli/commands.ts';
import { requireNode } from './cli/node-version.ts';

const folder = join(import.meta.dirname, 'commands');
/** Here it is TypeScript, in the package JavaScript. */
const extension = import.meta.filename.endsWith('.ts') ? '.ts' : '.js';
const fileOf = (name: string) => join(folder, `${name}${extension}`);

/** The commands are modules that run when they are imported; each reads its own arguments. */
async function main(): Promise<void> {
  const [name, ...args] = process.argv.slice(2);
  if (name === undefined || name === '--help') return void process.stdout.write(help());
  if (name === '--version') return console.log(version());
  if (!(name in all()))
    throw new Error(`There is no command ${name}; there are ${Object.keys(all()).join(', ')}.`);
  // It writes a project that brings its own Node.
  if (name !== 'init') requireNode();
  process.argv = [process.argv[0] ?? 'node', fileOf(name), ...args];
  await import(fileOf(name));
}

function all(): Record<string, string> {
  const known = Object.entries({ ...commands, ...developerCommands });
  return Object.fromEntries(known.filter(([name]) => existsSync(fileOf(name))));
}

function help(): string {
  const width = Math.max(...Object.keys(all()).map((name) => name.length));
  return `Formbus turns each form submission into an event that triggers any number of tasks.

  formbus COMMAND [options]
  formbus COMMAND --help

${Object.entries(all())
  .map(([name, summary]) => `  ${name.padEnd(width)}  ${summary}`)
  .join('\n')}

  --version  prints the version of Formbus
`;
}

function version(): string {
  const { version }: { version: string } = JSON.parse(
    readFileSync(join(import.meta.dirname, '../package.json'), 'utf8'),
  );
  return version;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
});
