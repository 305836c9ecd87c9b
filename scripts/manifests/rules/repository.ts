import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as v from 'valibot';
import { parseAllDocuments } from 'yaml';
import { formbusOf } from '../../cli/root.ts';
import { holderOf, readResources, type Resource } from '../manifest-files.ts';
import { parseResources } from '../manifest-parser.ts';
import type { Manifests } from '../types.ts';

/** The manifests and everything that they have to agree with. Plain data, so that a test can change it. */
export interface Repository {
  resources: Resource[];
  /** Lines of each manifest by file. */
  lines: Record<string, number>;
  /** Names of the folders in functions/forms and functions/tasks, of the project and built in, that hold a file of the same name, in whichever language. */
  forms: string[];
  tasks: string[];
  /** Keys of the Secrets that an installation creates, by Secret, with their descriptions. */
  secrets: Record<string, Record<string, unknown>>;
  /** Pinned images: knative/platform/versions.json. */
  images: string[];
}

/** One line for each place where a rule is broken. */
export type Rule = (repository: Repository, manifests: Manifests) => string[];

export function readRepository(root: string): Repository {
  const { resources, problems } = readResources(root);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const formbus = formbusOf(root) ?? root;
  const functions = (kind: string) => [
    ...new Set([root, formbus].flatMap((folder) => functionsIn(folder, kind))),
  ];
  const holder = holderOf(root);
  const lines = resources.map(({ file }) => [
    file,
    readFileSync(join(holder(file), file), 'utf8')
      .trimEnd()
      .split('\n').length,
  ]);
  return {
    resources,
    lines: Object.fromEntries(lines),
    forms: functions('forms'),
    tasks: functions('tasks'),
    images: Object.values(readVersions(formbus).images),
    secrets: readSecrets(join(formbus, 'scripts/examples/secret.yaml')),
  };
}

function functionsIn(root: string, kind: string): string[] {
  return globSync(`functions/${kind}/*`, { cwd: root })
    .map((folder) => basename(folder))
    .filter((name) => globSync(`functions/${kind}/${name}/${name}.*`, { cwd: root }).length > 0);
}

const Secret = v.object({
  metadata: v.object({ name: v.string() }),
  stringData: v.record(v.string(), v.unknown()),
});

function readSecrets(file: string): Repository['secrets'] {
  const documents = parseAllDocuments(readFileSync(file, 'utf8')).map((document) =>
    v.parse(Secret, document.toJS()),
  );
  return Object.fromEntries(documents.map(({ metadata, stringData }) => [metadata.name, stringData]));
}

/** knative/platform/versions.json. `hashes`: SHA-256 of the releases' files, by address. */
export const Versions = v.strictObject({
  kubernetes: v.string(),
  releases: v.record(v.string(), v.pipe(v.string(), v.url())),
  hashes: v.record(v.pipe(v.string(), v.url()), v.pipe(v.string(), v.hash(['sha256']))),
  images: v.record(v.string(), v.string()),
});

export function readVersions(root: string): v.InferOutput<typeof Versions> {
  return v.parse(Versions, JSON.parse(readFileSync(join(root, 'knative/platform/versions.json'), 'utf8')));
}

/** All problems of the manifests: those of the parser, then broken rules. */
export function findings(repository: Repository, rules: Rule[]): string[] {
  const { manifests, problems } = parseResources(repository.resources);
  return [...problems, ...rules.flatMap((rule) => rule(repository, manifests))];
}

/** By kind; of Services only Knative's, because Kubernetes has a kind of that name as well. */
export function ofKind({ resources }: Repository, kind: string): Resource[] {
  return resources.filter(
    (resource) => resource.kind === kind && (kind !== 'Service' || resource.apiVersion.includes('knative')),
  );
}

/** The value at the end of a path; undefined when the path does not exist. */
export function at(value: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => {
    return typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined;
  }, value);
}
