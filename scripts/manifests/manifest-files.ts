import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as v from 'valibot';
import { parseAllDocuments } from 'yaml';

/** A resource as it stands in its file. */
export interface Resource {
  /** Path below the root, for messages. */
  file: string;
  apiVersion: string;
  kind: string;
  name: string;
  content: Record<string, unknown>;
}

const FOLDERS = ['eventing', 'knative'];

const ResourceHead = v.looseObject({
  apiVersion: v.string(),
  kind: v.string(),
  metadata: v.looseObject({ name: v.string() }),
});

/**
 * Reads every YAML file below `eventing/` and `knative/`, one resource each; what cannot be read is a line in `problems`. A
 * `kustomization.yaml` is kubectl's list of files and no resource.
 */
export function readResources(root: string): { resources: Resource[]; problems: string[] } {
  const problems = FOLDERS.filter((folder) => !existsSync(join(root, folder))).map(
    (folder) => `${folder}/: there is no such folder in ${root}`,
  );
  const files = globSync(
    FOLDERS.map((folder) => `${folder}/**/*.{yaml,yml}`),
    { cwd: root },
  )
    .filter((file) => basename(file) !== 'kustomization.yaml')
    .toSorted();
  const resources = files.flatMap((file) => {
    const read = readResource(file, readFileSync(join(root, file), 'utf8'));
    if (typeof read !== 'string') return [read];
    problems.push(`${file}: ${read}`);
    return [];
  });
  return { resources, problems };
}

function readResource(file: string, text: string): Resource | string {
  if (file.endsWith('.yml')) return 'must end in .yaml';
  const documents = parseAllDocuments(text, { version: '1.2' });
  const [document] = documents;
  if (!document || documents.length !== 1) return 'must hold exactly one resource';
  const [error] = [...document.errors, ...document.warnings];
  if (error) return error.message;
  const head = v.safeParse(ResourceHead, document.toJS());
  if (!head.success) return `${v.getDotPath(head.issues[0]) ?? 'the file'} is missing or no text`;
  const { apiVersion, kind, metadata } = head.output;
  return { file, apiVersion, kind, name: metadata.name, content: head.output };
}
