import { createHash } from 'node:crypto';
import type { Template } from './template-type.ts';

/** Where a project keeps what its manifests were made from, so that `formbus doctor` tells an old file from a changed one. */
export const baselineFile = 'formbus-manifests.json';

/** What an upgrade of Formbus may change, and a project may, too: manifests and how they are built. */
export const isManifest = (file: string) =>
  /^(eventing|knative)\//.test(file) || ['Dockerfile', 'skaffold.yaml'].includes(file);

/** A digest of each manifest of the template, as JSON. */
export function baselineOf(template: Template): string {
  const manifests = Object.keys(template).filter(isManifest);
  const digests = manifests.toSorted().map((file) => [file, digestOf(template[file] ?? '')]);
  return `${JSON.stringify(Object.fromEntries(digests), null, 2)}\n`;
}

export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
