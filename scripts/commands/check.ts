import { command } from '../cli/command.ts';
import { projectRoot } from '../cli/root.ts';
import { findings, readRepository } from '../manifests/rules/repository.ts';
import { RULES } from '../manifests/rules/rules.ts';

const help = `Checks that the manifests can be run, that every reference in them resolves, and that they keep the rules that protect submissions.

  formbus check

Exit code 1 when it finds something, a line each with the file.
`;

function main(): void {
  const found = findings(readRepository(projectRoot()), Object.values(RULES));
  for (const line of found) console.log(line);
  if (found.length > 0) process.exitCode = 1;
}

command(help, main);
