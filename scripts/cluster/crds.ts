import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readVersions } from '../manifests/rules/repository.ts';

/** The files of the platform's releases that have CRDs, as `npm run cluster -- up` applies them. */
const files: Record<string, string> = {
  serving: 'serving-crds.yaml',
  eventing: 'eventing-crds.yaml',
  'eventing-kafka': 'eventing-kafka-controller.yaml',
  strimzi: 'strimzi-cluster-operator-VERSION.yaml',
  'prometheus-operator': 'bundle.yaml',
};

/**
 * Downloads the CRDs of the versions that are pinned in `root` to a folder for CRDS_DIR.
 * @returns the files that were not compared, because no SHA-256 of them is pinned
 * @throws Error when one does not arrive, or is another than the pinned one
 */
export async function fetchCrds(root: string, folder: string): Promise<string[]> {
  const { releases, hashes } = readVersions(root);
  await mkdir(folder, { recursive: true });
  const unpinned: string[] = [];
  for (const [part, name] of Object.entries(files)) {
    const release = releases[part];
    if (release === undefined) throw new Error(`knative/platform/versions.json has no release ${part}`);
    const url = `${release}/${name.replace('VERSION', basename(release))}`;
    const text = await download(url);
    const pinned = hashes[url];
    const hash = createHash('sha256').update(text).digest('hex');
    if (pinned === undefined) unpinned.push(url);
    else if (pinned !== hash)
      throw new Error(
        `${url} has changed: its SHA-256 is ${hash}, but ${pinned} in knative/platform/versions.json`,
      );
    await writeFile(join(folder, `${part}.yaml`), text);
  }
  return unpinned;
}

async function download(url: string): Promise<string> {
  const answer = await fetch(url).catch((cause: unknown) => {
    throw new Error(`${url} cannot be reached`, { cause });
  });
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  return answer.text();
}
