import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { parse } from 'yaml';
import type { Resource } from '../manifests/manifest-files.ts';

const Kustomization = v.strictObject({
  apiVersion: v.literal('kustomize.config.k8s.io/v1beta1'),
  kind: v.literal('Kustomization'),
  resources: v.array(v.string()),
  configMapGenerator: v.optional(
    v.array(v.strictObject({ name: v.string(), namespace: v.string(), files: v.array(v.string()) })),
    [],
  ),
  patches: v.optional(
    v.array(
      v.strictObject({
        target: v.strictObject({ kind: v.string(), name: v.string() }),
        patch: v.pipe(
          v.string(),
          v.transform((text): unknown => parse(text)),
        ),
      }),
    ),
    [],
  ),
});

/** The kustomization.yaml of a folder below `root`. */
export function readKustomization(root: string, folder: string): v.InferOutput<typeof Kustomization> {
  return v.parse(Kustomization, parse(readFileSync(join(root, folder, 'kustomization.yaml'), 'utf8')));
}

/** The resources as kubectl applies them, as far as patches have no lists: kustomize merges those by rules of their own. */
export function patched(
  resources: Resource[],
  { patches }: v.InferOutput<typeof Kustomization>,
): { resources: Resource[]; changes: string[] } {
  const changes: string[] = [];
  const result = structuredClone(resources);
  for (const { target, patch } of patches) {
    const met = result.filter(
      ({ kind, name }) => kind === target.kind && new RegExp(`^(${target.name})$`).test(name),
    );
    if (met.length === 0) changes.push(`${target.kind} ${target.name} = nothing`);
    for (const one of met) merge(one.content, patch, one.file, changes);
  }
  return { resources: result, changes };
}

/** RFC 7386; what a patch names without changing it is told as well. */
function merge(into: object, patch: unknown, path: string, changes: string[]) {
  if (typeof patch !== 'object' || patch === null) return;
  for (const [key, value] of Object.entries(patch)) {
    const there: unknown = Reflect.get(into, key);
    if (['apiVersion', 'kind', 'metadata'].includes(key)) continue;
    if (Array.isArray(value)) throw new Error(`${path}/${key}: a list in a patch`);
    if (typeof value === 'object' && value !== null && typeof there === 'object' && there !== null) {
      merge(there, value, `${path}/${key}`, changes);
    } else if (value === there || (value === null && there === undefined)) {
      changes.push(`${path}/${key} = the same`);
    } else {
      changes.push(`${path}/${key} = ${JSON.stringify(value)}`);
      if (value === null) Reflect.deleteProperty(into, key);
      else Reflect.set(into, key, value);
    }
  }
}
