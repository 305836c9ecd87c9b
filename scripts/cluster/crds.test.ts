import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import * as v from 'valibot';
import { readCrds } from '../manifests/rules/crds.ts';
import { tempFolder } from '../runner/serving/testing.ts';
import { fetchCrds } from './crds.ts';

const crd = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: things.example.org }
spec:
  group: example.org
  names: { kind: Thing }
  versions:
    - name: v1
      served: true
      schema: { openAPIV3Schema: { type: object, properties: { size: { type: integer } } } }
`;
const hash = createHash('sha256').update(crd).digest('hex');
const paths = {
  serving: '/serving/v1/serving-crds.yaml',
  eventing: '/eventing/v2/eventing-crds.yaml',
  'eventing-kafka': '/eventing-kafka/v3/eventing-kafka-controller.yaml',
  strimzi: '/strimzi/1.2.0/strimzi-cluster-operator-1.2.0.yaml',
  'prometheus-operator': '/prometheus-operator/v5/bundle.yaml',
};

/** A project whose releases are on a server of this machine that has these files. */
async function projectWith({ served = Object.values(paths), pinned = hash } = {}) {
  const server = createServer((req, res) => {
    res.writeHead(served.includes(req.url ?? '') ? 200 : 404).end(crd);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = v.parse(v.object({ port: v.number() }), server.address());
  const root = tempFolder();
  const url = (path: string) => `http://127.0.0.1:${port}${path}`;
  const releases = Object.fromEntries(
    Object.entries(paths).map(([part, path]) => [part, url(path.slice(0, path.lastIndexOf('/')))]),
  );
  const versions = { kubernetes: 'v1', releases, hashes: { [url(paths.serving)]: pinned }, images: {} };
  await mkdir(join(root, 'knative/platform'), { recursive: true });
  await writeFile(join(root, 'knative/platform/versions.json'), JSON.stringify(versions));
  return { root, url };
}

it('downloads the CRDs of the pinned releases to a folder that the manifests can be checked with', async () => {
  const { root, url } = await projectWith();
  const folder = join(tempFolder(), 'crds');
  const others = Object.values(paths).filter((path) => path !== paths.serving);
  expect(await fetchCrds(root, folder)).toEqual(others.map(url));
  expect((await readdir(folder)).toSorted()).toEqual(
    Object.keys(paths)
      .map((part) => `${part}.yaml`)
      .toSorted(),
  );
  expect(await readFile(join(folder, 'strimzi.yaml'), 'utf8')).toBe(crd);
  const thing = { file: 'thing.yaml', name: 'a', apiVersion: 'example.org/v1', kind: 'Thing' };
  const check = readCrds(folder);
  expect(check({ ...thing, content: { size: 1 } })).toEqual([]);
  expect(check({ ...thing, content: { size: 'large' } })).toEqual([
    expect.stringContaining('/size: must be integer'),
  ]);
});

it('refuses a file that is other than its pinned SHA-256', async () => {
  const { root, url } = await projectWith({ pinned: '0'.repeat(64) });
  await expect(fetchCrds(root, tempFolder())).rejects.toThrow(`${url(paths.serving)} has changed`);
});

it('names the file that the release does not have', async () => {
  const { root, url } = await projectWith({ served: [paths.serving] });
  await expect(fetchCrds(root, tempFolder())).rejects.toThrow(`${url(paths.eventing)} answered 404`);
});
