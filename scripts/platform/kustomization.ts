import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { parse } from 'yaml';

const Kustomization = v.strictObject({
  apiVersion: v.literal('kustomize.config.k8s.io/v1beta1'),
  kind: v.literal('Kustomization'),
  resources: v.optional(v.array(v.string()), []),
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

/** Everything that a folder's kustomization.yaml and the folders that it names put together; paths below `root`. */
export interface Base {
  files: string[];
  configMaps: { name: string; files: { key: string; path: string }[] }[];
}

export function readBase(root: string, folder: string): Base {
  const { resources, configMapGenerator } = readKustomization(root, folder);
  const paths = resources.map((resource) => join(folder, resource));
  const isFolder = (path: string) => existsSync(join(root, path, 'kustomization.yaml'));
  const parts = paths.filter(isFolder).map((part) => readBase(root, part));
  const configMaps = configMapGenerator.map(({ name, files }) => ({
    name,
    files: files.map((file) => {
      // `key=path`, or a path whose last part is the key.
      const [key = '', path = key] = file.split('=');
      return { key, path: join(folder, path) };
    }),
  }));
  return {
    files: [...paths.filter((path) => !isFolder(path)), ...parts.flatMap(({ files }) => files)],
    configMaps: [...configMaps, ...parts.flatMap((part) => part.configMaps)],
  };
}
