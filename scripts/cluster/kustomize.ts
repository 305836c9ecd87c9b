import { spawnSync } from 'node:child_process';

/** kubectl brings kustomize along; the tool of that name is taken where there is no kubectl. */
const tools: [command: string, ...args: string[]][] = [
  ['kubectl', 'kustomize'],
  ['kustomize', 'build'],
];

/** Whether this machine has a kustomize. */
export function hasKustomize(): boolean {
  return tools.some(([command]) => isThere(command));
}

/** The resources of a folder with a kustomization.yaml, as YAML. @throws Error with kustomize's own message */
export function kustomize(folder: string): string {
  const [command = '', ...args] = tools.find(([tool]) => isThere(tool)) ?? [];
  if (!command) throw new Error('kubectl is missing: https://kubernetes.io/docs/tasks/tools/');
  const { status, stdout, stderr } = spawnSync(command, [...args, folder], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`kustomize cannot read ${folder}: ${stderr.trim()}`);
  return stdout;
}

function isThere(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
}
