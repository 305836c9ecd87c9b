import { existsSync, globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import * as v from 'valibot';
import { parseAllDocuments } from 'yaml';
import { formbusOf } from '../cli/root.ts';

/** A resource as its file has it. */
export interface Resource {
  /** Path below the root, for messages. */
  file: string;
  apiVersion: string;
  kind: string;
  name: string;
  content: Record<string, unknown>;
}

const FOLDERS = ['eventing', 'knative'];
const PLATFORM = 'knative/platform';

const ResourceHead = v.looseObject({
  apiVersion: v.string(),
  kind: v.string(),
  metadata: v.looseObject({ name: v.string() }),
});

/** The folder that holds a manifest of a project: the project's own, or for the platform that of the Formbus it uses. */
export function holderOf(root: string): (file: string) => string {
  const formbus = formbusOf(root) ?? root;
  const platform = existsSync(join(root, PLATFORM)) ? root : formbus;
  return (file) => (file.startsWith(`${PLATFORM}/`) ? platform : root);
}

/**
 * Reads every YAML file below `eventing/` and `knative/`, one resource each; what cannot be read is a line in `problems`. A
 * `kustomization.yaml` is kubectl's list of files and no resource.
 */
export function readResources(root: string): { resources: Resource[]; problems: string[] } {
  const problems = FOLDERS.filter((folder) => !existsSync(join(root, folder))).map(
    (folder) => `${folder}/: there is no such folder in ${root}`,
  );
  const holder = holderOf(root);
  const platform = holder(`${PLATFORM}/`);
  const below = (folder: string) => `${folder}/**/*.{yaml,yml}`;
  const files = [
    ...globSync(FOLDERS.map(below), { cwd: root }),
    ...(platform === root ? [] : globSync(below(PLATFORM), { cwd: platform })),
  ]
    .filter((file) => basename(file) !== 'kustomization.yaml')
    .toSorted();
  const resources = files.flatMap((file) => {
    const read = readResource(file, readFileSync(join(holder(file), file), 'utf8'));
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
