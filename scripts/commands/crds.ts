import { join, resolve } from 'node:path';
import { command } from '../cli/command.ts';
import { fetchCrds } from '../cluster/crds.ts';

const help = `Downloads the CRDs of the pinned versions, so that npm test checks the manifests against them.

  node scripts/commands/crds.ts FOLDER && CRDS_DIR=FOLDER npm test

  --help   prints this text
`;

async function main(): Promise<void> {
  const [folder, ...others] = process.argv.slice(2);
  if (folder === undefined || others.length > 0) throw new Error('Name one folder; see --help');
  for (const url of await fetchCrds(join(import.meta.dirname, '../..'), resolve(folder)))
    console.log(`not compared, because versions.json has no SHA-256 of it: ${url}`);
}

command(help, main);
