import { spawnSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { patched, readKustomization } from './kustomization.ts';
import { readCrds } from '../manifests/rules/crds.ts';
import { at, readRepository } from '../manifests/rules/repository.ts';

const root = join(import.meta.dirname, '../..');
const folder = 'knative/platform';
const base = readKustomization(root, folder);
const listed = base.resources.map((file) => join(folder, file));
const platform = readRepository(root).resources.filter(({ file }) => listed.includes(file));
const environments = globSync('*', { cwd: join(root, 'knative/environments') });

it('applies every file: by the list, or as a folder that holds what has to be there before or after', () => {
  const inFolders = globSync(`${folder}/{namespaces,kafka/topics}/*.yaml`, { cwd: root });
  const files = globSync(`${folder}/**/*.yaml`, { cwd: root }).filter(
    (file) => !file.endsWith('kustomization.yaml'),
  );
  expect([...listed, ...inFolders].toSorted()).toEqual(files.toSorted());
});

it('mounts the ConfigMaps that it makes, of files that there are', () => {
  const missing = base.configMapGenerator
    .flatMap(({ files }) => files)
    // A key of its own may stand before the file: key=file.
    .filter((file) => !existsSync(join(root, folder, file.split('=').at(-1) ?? '')));
  expect(missing).toEqual([]);
  const mounted = platform.flatMap(({ content }) =>
    [at(content, 'spec', 'template', 'spec', 'volumes') ?? []]
      .flat()
      .map((one) => at(one, 'configMap', 'name')),
  );
  expect(mounted.filter((name) => typeof name === 'string').toSorted()).toEqual(
    base.configMapGenerator.map(({ name }) => name).toSorted(),
  );
});

it('puts what a command or a probe names, /etc/<ConfigMap>/<file>, into that ConfigMap', () => {
  const there = base.configMapGenerator.flatMap(({ name, files }) =>
    files.map((file) => `/etc/${name}/${basename(file)}`),
  );
  const named = JSON.stringify(platform).match(/\/etc\/[\w-]+\/[\w.-]+/g) ?? [];
  expect(named).toContain('/etc/redis/start.sh');
  expect(named.filter((file) => !there.includes(file))).toEqual([]);
});

it('has in each namespace only what is in a namespace of ours or of the released parts', () => {
  const ours = globSync(`${folder}/namespaces/*.yaml`, { cwd: root }).map(
    (file) => /([^/]+)\.yaml$/.exec(file)?.[1],
  );
  const used = new Set(platform.map(({ content }) => at(content, 'metadata', 'namespace')));
  // What has none is the cluster's.
  const known: unknown[] = [...ours, 'knative-eventing', 'kourier-system', undefined];
  expect([...used].filter((name) => !known.includes(name))).toEqual([]);
});

it.each(environments)('%s says only what differs, of resources that there are', (environment) => {
  const overlay = readKustomization(root, `knative/environments/${environment}`);
  expect(overlay.resources).toEqual(['../../platform']);
  const { changes } = patched(platform, overlay);
  expect(changes.filter((change) => /= (the same|nothing)$/.test(change))).toEqual([]);
});

it('on the dev cluster asks for as many copies as there are nodes', () => {
  const { resources } = patched(platform, readKustomization(root, 'knative/environments/dev'));
  const of = (kind: string) => resources.find((one) => one.kind === kind)?.content;
  const config = Object.entries(at(of('Kafka'), 'spec', 'kafka', 'config') ?? {});
  const copies = config.filter(([name]) => /replication\.factor$|min\.(isr|insync\.replicas)$/.test(name));
  expect(new Set(copies.map(([, count]) => count))).toEqual(
    new Set([at(of('KafkaNodePool'), 'spec', 'replicas')]),
  );
});

const crds = process.env['CRDS_DIR'];
it.skipIf(!crds).each(environments)('%s is valid after its patches', (environment) => {
  const check = readCrds(crds ?? '');
  const { resources } = patched(platform, readKustomization(root, `knative/environments/${environment}`));
  expect(resources.flatMap(check)).toEqual([]);
});

const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;
it.skipIf(!hasKubectl).each(environments)('%s is read by kubectl as it is here', (environment) => {
  const run = spawnSync('kubectl', ['kustomize', join(root, 'knative/environments', environment)]);
  const rendered = parseAllDocuments(run.stdout.toString()).map((document): unknown => document.toJS());
  const { resources } = patched(platform, readKustomization(root, `knative/environments/${environment}`));
  for (const { kind, name, content } of resources.filter((one) => one.apiVersion.startsWith('kafka'))) {
    const same = rendered.find((one) => at(one, 'kind') === kind && at(one, 'metadata', 'name') === name);
    expect(same).toEqual(content);
  }
  expect(rendered).toHaveLength(resources.length + base.configMapGenerator.length);
});

it('lets no pod into our namespaces that could take its node', () => {
  const levels = readRepository(root)
    .resources.filter(({ kind }) => kind === 'Namespace')
    .map(({ content }) => at(content, 'metadata', 'labels', 'pod-security.kubernetes.io/enforce'));
  expect(levels).toEqual(['baseline', 'baseline', 'baseline']);
});
