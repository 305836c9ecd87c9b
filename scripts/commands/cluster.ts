import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { ownRoot, projectRoot } from '../cli/root.ts';
import { readApplication, renderApplication } from '../cluster/render.ts';
import { downSteps, statusSteps } from '../cluster/status.ts';
import { contextOf, type ClusterOptions, type Step } from '../cluster/step.ts';
import { upSteps } from '../cluster/up.ts';
import { readVersions } from '../manifests/rules/repository.ts';

const help = `The cluster that Formbus runs on: Knative, Kafka, Redis under Sentinel, the edge, Prometheus and Grafana.

  npm run cluster -- up        creates it, or continues where a former run stopped; safe to run at any time
  npm run cluster -- status    shows what runs and what is not ready
  npm run cluster -- check     starts each function once and names those that do not start
  npm run cluster -- render    prints the manifests of all functions with the changes of the environment
  npm run cluster -- down      deletes the cluster that up created, its data included

  --profile P     dev: one Kafka node (default); prod: three, on a cluster of three nodes or more
  --overlay DIR   the environment, by default knative/environments/PROFILE of the project or else of Formbus:
                  DIR/kustomization.yaml changes the platform, DIR/application/kustomization.yaml the functions;
                  scripts/examples/installation is an example
  --tool T        creates the cluster: kind (default) or minikube
  --context C     kubectl's name of a cluster that exists; then none is created
  --google FILE   the service account's key for Google Sheets
  --stdin         render: reads the manifests from there, as skaffold hands them over
  --dry-run       prints the commands without running them
  --help          prints this text

  DATABASE_URL    in the environment of the first up: the archive's PostgreSQL

Then: skaffold dev -p dev --cleanup=false
Without skaffold: npm run cluster --silent -- render --profile prod | kubectl apply -n formbus -f -
`;

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      profile: { type: 'string', default: 'dev' },
      overlay: { type: 'string' },
      tool: { type: 'string', default: 'kind' },
      context: { type: 'string' },
      google: { type: 'string' },
      stdin: { type: 'boolean', default: false },
      'dry-run': { type: 'boolean', default: false },
    },
  });
  const [verb, ...more] = positionals;
  if (verb === undefined) return void process.stdout.write(help);
  const { profile, tool, context } = values;
  if (profile !== 'dev' && profile !== 'prod') throw new Error(`--profile is dev or prod, not ${profile}`);
  if (tool !== 'kind' && tool !== 'minikube') throw new Error(`--tool is kind or minikube, not ${tool}`);
  if (more.length > 0) throw new Error(`takes one command, not also ${more.join(' ')}`);
  const google = values.google === undefined ? undefined : resolve(values.google);
  if (google !== undefined && !existsSync(google)) throw new Error(`--google: ${google} does not exist`);
  const overlay = findOverlay(values.overlay ?? `knative/environments/${profile}`);
  if (verb === 'render') {
    const manifests = values.stdin ? readFileSync(0, 'utf8') : readApplication(projectRoot());
    return void process.stdout.write(renderApplication(manifests, resolve(ownRoot, overlay)));
  }
  const options = { versions: readVersions(ownRoot), profile, overlay, tool, context, google } as const;
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

/** A folder of the project, or else of Formbus; relative to Formbus, where the commands run. */
function findOverlay(folder: string): string {
  const found = [process.cwd(), ownRoot]
    .map((root) => resolve(root, folder))
    .find((path) => existsSync(join(path, 'kustomization.yaml')));
  if (found === undefined) throw new Error(`--overlay: ${folder} has no kustomization.yaml`);
  return relative(ownRoot, found);
}

function stepsOf(verb: string, options: ClusterOptions): Step[] {
  const { profile, context } = options;
  if (verb === 'status') return statusSteps(options);
  if (verb === 'down') {
    if (context === undefined) return downSteps(options);
    throw new Error(`down deletes only a cluster that up created, not ${context}`);
  }
  if (verb !== 'up') throw new Error(`${verb} is not a command; use up, status, check, render or down`);
  if (profile === 'prod' && context === undefined)
    throw new Error('--profile prod needs --context: a cluster of three nodes or more');
  return upSteps(options);
}

async function check(context: string) {
  // Loads @kubernetes/client-node, which only this needs.
  const { openApi } = await import('../cluster/api/api.ts');
  const { checkFunctions } = await import('../cluster/check.ts');
  const failed = await checkFunctions(openApi(context), { namespace: 'formbus', say: console.log });
  if (failed > 0)
    throw new Error(failed === 1 ? '1 function does not start' : `${failed} functions do not start`);
}

/** Checked first: a platform that is installed by half is harder to repair than a missing one. */
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
    `${place} ${title}: failed:\n  ${command}\nRepair what the output above says and run up again: it continues here.`,
  );
}

command(help, main, { failed: 1 });
