import { basename, dirname } from 'node:path';
import { at, type Rule } from './repository.ts';

/** The namespace of functions and of parts of the platform. */
const NAMESPACE = 'formbus';

/** There is one of each, and its file is named after its purpose. */
const NAMED_BY_ROLE = new Set(['eventing/broker.yaml', 'knative/config.yaml']);

/** Folder = file = FUNCTION_TARGET = manifest = Service; every function has a manifest and every manifest a function. */
export const functionNames: Rule = ({ resources, forms, tasks }, { services }) => {
  const found: string[] = [];
  for (const [kind, functions] of [
    ['forms', forms],
    ['tasks', tasks],
  ] as const) {
    const files = services.map(({ file }) => file).filter((file) => file.startsWith(`knative/${kind}/`));
    const manifests = files.map((file) => basename(file, '.yaml'));
    for (const name of functions.filter((name) => !manifests.includes(name))) {
      found.push(`functions/${kind}/${name}: there is no knative/${kind}/${name}.yaml`);
    }
    for (const name of manifests.filter((name) => !functions.includes(name))) {
      found.push(`knative/${kind}/${name}.yaml: there is no functions/${kind}/${name}/${name}.ts`);
    }
  }
  for (const { file, name, kind } of resources) {
    const part = basename(file, '.yaml');
    // The resources of one part of the platform are in a folder of its name, in files named after their kinds.
    const isPart = basename(dirname(file)) === name && part === kind.toLowerCase();
    if (part !== name && !isPart && !NAMED_BY_ROLE.has(file))
      found.push(`${file}: its resource is named ${name}`);
  }
  // Knative creates a Kubernetes Service for each function as well.
  const others = resources.filter(({ apiVersion, kind }) => apiVersion === 'v1' && kind === 'Service');
  for (const { file, name } of services) {
    const other = others.find(
      (one) => one.name === name && at(one.content, 'metadata', 'namespace') === NAMESPACE,
    );
    if (other) found.push(`${file}: there is a Service ${name} already, in ${other.file}`);
  }
  for (const { file, name, env, command } of services) {
    // With a command of its own, a Service starts no function of the image.
    if (command) continue;
    const target = env.find((variable) => variable.name === 'FUNCTION_TARGET');
    if (!target || !('value' in target) || target.value !== name)
      found.push(`${file}: FUNCTION_TARGET is not ${name}`);
  }
  return found;
};

/** A Trigger or PingSource has the name of the task that it calls, a second one with a suffix. Each task is called by one of them, or by functions that have its address. */
export const callerNames: Rule = ({ tasks }, { triggers, pingSources, configMaps }) => {
  const found: string[] = [];
  const callers = [
    ...triggers.map(({ file, name, subscriber }) => ({ file, name, to: subscriber })),
    ...pingSources.map(({ file, name, sink }) => ({ file, name, to: sink })),
  ];
  const called = new Set(configMaps.flatMap(({ data }) => Object.values(data).flatMap(serviceIn)));
  for (const { file, name, to } of callers) {
    if (!('service' in to)) continue;
    called.add(to.service);
    if (!tasks.includes(to.service)) found.push(`${file}: ${to.service} is not a task`);
    if (name !== to.service && !name.startsWith(`${to.service}-`))
      found.push(`${file}: is not named after ${to.service}`);
    // The recording rule formbus:task_of_trigger removes at most two words.
    else if (name.slice(to.service.length + 1).split('-').length > 2)
      found.push(`${file}: its suffix has more than two words, so alerts do not find its task`);
  }
  for (const task of tasks)
    if (!called.has(task)) found.push(`functions/tasks/${task}: no Trigger, PingSource or function calls it`);
  return found;
};

/** The Service that an address inside the cluster names. */
export function serviceIn(address: string): string[] {
  const [, name] = /^http:\/\/([a-z0-9-]+)\.formbus\.svc\.cluster\.local(?:[:/]|$)/.exec(address) ?? [];
  return name === undefined ? [] : [name];
}
