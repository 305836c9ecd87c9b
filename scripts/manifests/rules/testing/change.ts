import { at, type Repository } from '../repository.ts';
import type { Resource } from '../../manifest-files.ts';

/** A value set in a manifest, or removed where none is given. */
export type Change = readonly [file: string, path: readonly (string | number)[], value?: unknown];

export function resource({ resources }: Repository, file: string): Resource {
  const found = resources.find((one) => one.file === file);
  if (!found) throw new Error(`there is no ${file}`);
  return found;
}

/** The repository with values set, or removed where none is given. Name and kind are read anew. */
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
