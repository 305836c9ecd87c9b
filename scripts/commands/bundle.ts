import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bundleFunctions } from '../build/bundle.ts';
import { addSnapshot } from '../build/snapshot/snapshot.ts';
import { command } from '../cli/command.ts';
import { projectRoot } from '../cli/root.ts';

const help = `Bundles functions/ and the built-in tasks, as the image does, with a startup snapshot for the Node that runs this:
in the folder, "node --snapshot-blob snapshot.blob main.mjs" starts the function that FUNCTION_TARGET names.

  formbus bundle [--out DIR]

  --out DIR   the folder for the bundle (default dist); replaces the bundle in it
  --help      prints this text
`;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { out: { type: 'string', default: 'dist' } } });
  const root = projectRoot();
  const dir = await bundleFunctions({ root, outDir: resolve(values.out) });
  const problem = await addSnapshot({ root, dir });
  if (problem !== undefined)
    console.warn(
      `The functions start slower than they could, because they cannot be in a snapshot:\n${problem}`,
    );
  console.log(dir);
}

command(help, main);
