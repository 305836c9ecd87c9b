import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { cases } from '../cluster/suite/cases.ts';
import { tryAll } from '../cluster/suite/run.ts';

const help = `Tests Formbus on a cluster, with the cases that npm test runs on npm start.

  KUBECONFIG=FILE npm run test:cluster -- [--context C] [--namespace N] [--list]

  KUBECONFIG      the cluster on which npm run cluster -- up and skaffold have installed Formbus
  --context C     one of its contexts (default: the current one)
  --namespace N   the namespace of Formbus (default formbus)
  --list          prints the cases without running them
  --help          prints this text
  GOOGLE_APPLICATION_CREDENTIALS
                  the key file of sheets-flush, to read rows from Google Sheets; without it rows are not checked

It submits to demo-form, kills the Redis master, and applies a task that refuses all events of a type of its own (suite-refusing-task).
If a run is interrupted, the next one removes that task.
Exit code 1 when a case fails, 2 when the cluster has no Formbus to test.
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
