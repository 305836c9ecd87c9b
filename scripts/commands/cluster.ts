import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { ownRoot } from '../cli/root.ts';
import {
  contextOf,
  downSteps,
  statusSteps,
  upSteps,
  type ClusterOptions,
  type Step,
} from '../cluster/steps.ts';
import { readVersions } from '../manifests/rules/repository.ts';

const help = `A cluster with all that Formbus stands on: Knative, Kafka, Redis under Sentinel, the edge, Prometheus and Grafana.

  npm run cluster -- up        makes it, or goes on where it was left; may be run at any time
  npm run cluster -- status    what is there and what is not ready
  npm run cluster -- check     starts each function once and says which does not come up
  npm run cluster -- down      takes the cluster that up made away, its data included

  --profile P     dev: one Kafka node (default); prod: three, on a cluster of three nodes or more
  --tool T        makes the cluster: kind (default) or minikube
  --context C     a cluster that is there, by its name for kubectl; none is made then
  --google FILE   the service account's key for Google Sheets
  DATABASE_URL    in the environment, the first time: the archive's PostgreSQL
  --dry-run       prints the commands and runs none
  --help          this text

Then: skaffold dev -p dev --cleanup=false
`;

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      profile: { type: 'string', default: 'dev' },
      tool: { type: 'string', default: 'kind' },
      context: { type: 'string' },
      google: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
    },
  });
  const [verb, ...more] = positionals;
  if (verb === undefined) return void process.stdout.write(help);
  const { profile, tool, context } = values;
  if (profile !== 'dev' && profile !== 'prod') throw new Error(`--profile is dev or prod, not ${profile}`);
  if (tool !== 'kind' && tool !== 'minikube') throw new Error(`--tool is kind or minikube, not ${tool}`);
  if (more.length > 0) throw new Error(`one command at a time; ${more.join(' ')} is too much`);
  const google = values.google === undefined ? undefined : resolve(values.google);
  if (google !== undefined && !existsSync(google)) throw new Error(`--google: there is no ${google}`);
  const options = { versions: readVersions(ownRoot), profile, tool, context, google } as const;
  if (verb === 'check') return check(contextOf(options));
  const steps = stepsOf(verb, options);
  if (!values['dry-run']) requireTools(steps);
  for (const [index, step] of steps.entries()) {
    if (values['dry-run']) console.log(`# ${step.title}\n${step.command}\n`);
    else run(step, `[${index + 1}/${steps.length}]`);
  }
  if (verb === 'up' && !values['dry-run'])
    console.log(
      profile === 'dev'
        ? 'Ready for: skaffold dev -p dev --cleanup=false'
        : 'Ready for: skaffold run -p prod',
    );
}

function stepsOf(verb: string, options: ClusterOptions): Step[] {
  const { profile, context } = options;
  if (verb === 'status') return statusSteps(options);
  if (verb === 'down') {
    if (context === undefined) return downSteps(options);
    throw new Error(`down takes away only what up has made; ${context} was there before`);
  }
  if (verb !== 'up') throw new Error(`there is no command ${verb}; there are up, status, check and down`);
  if (profile === 'prod' && context === undefined)
    throw new Error('--profile prod needs --context: a cluster of three nodes or more');
  return upSteps(options);
}

async function check(context: string) {
  const { openApi } = await import('../cluster/api/api.ts');
  const { checkFunctions } = await import('../cluster/check.ts');
  const failed = await checkFunctions(openApi(context), { namespace: 'formbus', say: console.log });
  if (failed > 0)
    throw new Error(failed === 1 ? 'one function does not start' : `${failed} functions do not start`);
}

/** Half a platform is worse than none. */
function requireTools(steps: Step[]) {
  // A release is fetched by curl.
  const text = steps
    .map(({ command }) => command.replace(/^node scripts.cluster.release.release/, 'curl $&'))
    .join('\n');
  const needed = ['kubectl', 'kind', 'minikube', 'curl'].filter((tool) =>
    new RegExp(`(^|[|&({] *)${tool} `, 'm').test(text),
  );
  const missing = needed.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0);
  if (missing.length > 0)
    throw new Error(
      `${missing.join(' and ')} ${missing.length > 1 ? 'are' : 'is'} missing; install it first`,
    );
}

function run({ title, command }: Step, place: string) {
  console.log(`${place} ${title}`);
  const { status } = spawnSync('sh', ['-c', command], {
    cwd: ownRoot,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status === 0) return;
  throw new Error(
    `${place} ${title} did not work:\n  ${command}\nPut right what it says above and run the same again: what is done stays done.`,
  );
}

command(help, main, { failed: 1 });
