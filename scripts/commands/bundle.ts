import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleFunctions } from '../build/bundle.ts';
import { command } from '../cli/command.ts';
import { projectRoot } from '../cli/root.ts';

const help = `Bundles functions/ and the built-in tasks, as the image does.

  formbus bundle [--out DIR]

  --out DIR   the folder for the bundle (default dist); replaces the bundle in it
  --help      prints this text
`;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { out: { type: 'string', default: 'dist' } } });
  console.log(await bundleFunctions({ root: projectRoot(), outDir: resolve(values.out) }));
}

command(help, main);
