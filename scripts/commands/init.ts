#!/usr/bin/env node
import { relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { readTemplate } from '../tools/init/template.ts';
import { writeProject } from '../tools/init/write.ts';

const help = `Makes a project for forms and tasks of your own, with a form and a task to begin with.

  formbus init FOLDER [--formbus SPEC]

  FOLDER           a folder that is empty or does not exist; its name becomes the project's
  --formbus SPEC   what npm installs as formbus (default: this version), such as file:../formbus-0.1.0.tgz
  --help           prints this text
`;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { formbus: { type: 'string' } },
  });
  const [name, ...more] = positionals;
  if (name === undefined || more.length > 0) throw new Error('Name one folder, such as my-forms; see --help');
  const folder = resolve(name);
  writeProject(folder, await readTemplate(), values);
  const there = relative(process.cwd(), folder) || '.';
  console.log(`Made a project in ${there}. Next:

  ${there === '.' ? '' : `cd ${there} && `}npm install
  npm start                           # the whole pipeline on this machine
  npm run new -- form visitor-book    # a form of your own
`);
}

command(help, main, { failed: 1 });
