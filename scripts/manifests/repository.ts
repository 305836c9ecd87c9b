import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readResources, type Resource } from '../local/manifest-files.ts';
import { parseResources } from '../local/manifest-parser.ts';
import type { Manifests } from '../local/manifests.ts';

/** The manifests and what they have to agree with. Plain data, so that a test can change it. */
export interface Repository {
  resources: Resource[];
  /** Lines of each manifest by file. */
  lines: Record<string, number>;
  /** Names of the folders in functions/forms and functions/tasks that hold a file of the same name. */
  forms: string[];
  tasks: string[];
}

/** One line for each place where a rule is broken. */
export type Rule = (repository: Repository, manifests: Manifests) => string[];

export function readRepository(root: string): Repository {
  const { resources, problems } = readResources(root);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const functions = (kind: string) =>
    globSync(`functions/${kind}/*`, { cwd: root })
      .map((folder) => basename(folder))
      .filter((name) => existsSync(join(root, 'functions', kind, name, `${name}.ts`)));
  const lines = resources.map(({ file }) => [
    file,
    readFileSync(join(root, file), 'utf8').trimEnd().split('\n').length,
  ]);
  return {
    resources,
    lines: Object.fromEntries(lines),
    forms: functions('forms'),
    tasks: functions('tasks'),
  };
}

/** What is wrong with the manifests: the loader's problems, then what breaks the rules. */
export function findings(repository: Repository, rules: Rule[]): string[] {
  const { manifests, problems } = parseResources(repository.resources);
  return [...problems, ...rules.flatMap((rule) => rule(repository, manifests))];
}

export function ofKind({ resources }: Repository, kind: string): Resource[] {
  return resources.filter((resource) => resource.kind === kind);
}

/** The value at the end of a path; undefined where the path ends before. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => {
    return typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined;
  }, value);
}
