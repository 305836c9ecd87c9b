import { at, type Repository } from '../repository.ts';
import type { Resource } from '../../manifest-files.ts';

/** Sets a value in a manifest, or removes it when there is none. */
export type Change = readonly [file: string, path: readonly (string | number)[], value?: unknown];

/** A mistake in manifests, with the finding that it must cause. */
export type Mistake = [title: string, changes: Change[], finding: string];

export function resource({ resources }: Repository, file: string): Resource {
  const found = resources.find((one) => one.file === file);
  if (!found) throw new Error(`there is no ${file}`);
  return found;
}

/** A copy of the repository with these changes. Name and kind are read again. */
export function changed(repository: Repository, changes: Change[]): Repository {
  const copy = structuredClone(repository);
  for (const [file, path, value] of changes) {
    const one = resource(copy, file);
    const parent = at(one.content, ...path.slice(0, -1));
    if (typeof parent !== 'object' || parent === null) throw new Error(`${file} has no ${path.join('.')}`);
    const key = path.at(-1) ?? '';
    if (value === undefined && !Reflect.has(parent, key))
      throw new Error(`${file} has no ${path.join('.')} to remove`);
    if (value === undefined) Reflect.deleteProperty(parent, key);
    else Reflect.set(parent, key, value);
    one.name = String(at(one.content, 'metadata', 'name'));
    one.kind = String(at(one.content, 'kind'));
  }
  return copy;
}
