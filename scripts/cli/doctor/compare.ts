import { parse } from 'yaml';
import { digestOf, isManifest } from '../../tools/init/baseline.ts';
import type { Template } from '../../tools/init/template-type.ts';

/** A manifest of the project that is not what this Formbus wants; what only the project has changed is its own affair. */
export type Finding = { file: string } & (
  | { kind: 'new' }
  | { kind: 'older' }
  | { kind: 'changed by both'; differences: string[] }
  | { kind: 'no longer used' }
);

/**
 * Compares the manifests of a project with those of the Formbus that it uses now.
 * @param own the project's files; undefined where there is none
 * @param baseline digests of the manifests that the project's were made from
 */
export function compare(
  template: Template,
  own: (file: string) => string | undefined,
  baseline: Record<string, string>,
): Finding[] {
  const wanted = Object.keys(template).filter(isManifest);
  const gone = Object.keys(baseline).filter((file) => !(file in template) && own(file) !== undefined);
  return [
    ...wanted.toSorted().flatMap((file) => findingOf(file, template[file] ?? '', own(file), baseline[file])),
    ...gone.map((file) => ({ file, kind: 'no longer used' as const })),
  ];
}

function findingOf(
  file: string,
  wanted: string,
  own: string | undefined,
  base: string | undefined,
): Finding[] {
  // What was there and is not any more was deleted on purpose.
  if (own === undefined) return base === undefined ? [{ file, kind: 'new' }] : [];
  if (own === wanted || digestOf(wanted) === base) return [];
  if (digestOf(own) === base) return [{ file, kind: 'older' }];
  return [{ file, kind: 'changed by both', differences: differencesOf(file, own, wanted) }];
}

/** Paths whose values differ, a line each; none for a file that is not YAML or differs in comments only. */
function differencesOf(file: string, own: string, wanted: string): string[] {
  if (!file.endsWith('.yaml')) return [];
  const [ours, theirs] = [leavesOf(parse(own)), leavesOf(parse(wanted))];
  const paths = [...new Set([...theirs.keys(), ...ours.keys()])];
  return paths
    .filter((path) => ours.get(path) !== theirs.get(path))
    .map(
      (path) => `${path}: here ${ours.get(path) ?? 'nothing'}, in Formbus ${theirs.get(path) ?? 'nothing'}`,
    );
}

function leavesOf(value: unknown, path = ''): Map<string, string> {
  if (typeof value !== 'object' || value === null) return new Map([[path, JSON.stringify(value)]]);
  const inner = Object.entries(value).map(([key, one]) =>
    leavesOf(one, path === '' ? key : `${path}.${key}`),
  );
  return new Map(inner.flatMap((leaves) => [...leaves]));
}
