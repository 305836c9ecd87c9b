import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { cases } from '../cluster/suite/cases.ts';
import { tryAll } from '../cluster/suite/run.ts';

const help = `Tries Formbus on a cluster: the same cases that npm test tries on npm start.

  KUBECONFIG=FILE npm run test:cluster -- [--context C] [--namespace N] [--list]

  KUBECONFIG      the cluster, on which npm run cluster -- up and skaffold have put Formbus
  --context C     one of its contexts (default: the current one)
  --namespace N   where Formbus is there (default formbus)
  --list          prints the cases and does nothing
  --help          this text
  GOOGLE_APPLICATION_CREDENTIALS
                  the key file that sheets-flush has: with it the rows are read from Google Sheets; without it this part is left out

It submits to demo-form, ends the master of Redis, and for a while puts a task there that refuses all events of a type of its own
(suite-refusing-task; what a run that was broken off leaves of it, the next one takes away).
Exit code 1 when a case fails, 2 when there is nothing to try it on.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      context: { type: 'string' },
      namespace: { type: 'string', default: 'formbus' },
      list: { type: 'boolean', default: false },
    },
  });
  if (values.list) return cases.forEach(({ title }) => console.log(title));
  if (!process.env['KUBECONFIG'])
    throw new Error(
      'KUBECONFIG is not set: this needs a cluster with Formbus on it (npm run cluster -- up, then skaffold run); the same cases on this machine: npm test',
    );
  const { openApi } = await import('../cluster/api/api.ts');
  const { openClusterFormbus } = await import('../cluster/suite/cluster.ts');
  const formbus = await openClusterFormbus(openApi(values.context), { namespace: values.namespace, say });
  say(`Formbus in ${formbus.name}`);
  try {
    const failed = await tryAll(cases, { formbus, accepted: new Set() }, say);
    if (failed > 0) process.exitCode = 1;
  } finally {
    await formbus.close();
  }
}

const say = (line: string) => console.log(line);

command(help, main);
