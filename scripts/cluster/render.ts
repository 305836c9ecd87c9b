import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { stringify } from 'yaml';
import { readResources } from '../manifests/manifest-files.ts';
import { kustomize } from './kustomize.ts';

/**
 * The manifests of all functions and of what connects them, as YAML. Nothing lists them: a new form or task is in by its file alone.
 * @throws Error that names each file that cannot be read
 */
export function readApplication(root: string): string {
  const { resources, problems } = readResources(root);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const files = resources.map(({ file }) => file).filter((file) => !file.startsWith('knative/platform/'));
  return files.map((file) => readFileSync(join(root, file), 'utf8')).join('---\n');
}

/**
 * Applies an environment's changes to the manifests of an application.
 * @param overlay its folder; changes are in `application/`, a Component of kustomize. Without that nothing is changed.
 */
export function renderApplication(manifests: string, overlay: string): string {
  const component = join(overlay, 'application');
  if (!existsSync(component)) return manifests;
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'formbus-render-')));
  try {
    writeFileSync(join(folder, 'manifests.yaml'), manifests);
    writeFileSync(
      join(folder, 'kustomization.yaml'),
      stringify({
        apiVersion: 'kustomize.config.k8s.io/v1beta1',
        kind: 'Kustomization',
        resources: ['manifests.yaml'],
        // Kustomize takes no absolute path.
        components: [relative(folder, realpathSync(component))],
      }),
    );
    return kustomize(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
