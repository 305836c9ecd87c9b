import { existsSync, globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as v from 'valibot';
import { parseAllDocuments } from 'yaml';
import { hasKustomize, kustomize } from '../cluster/kustomize.ts';
import { readApplication, renderApplication } from '../cluster/render.ts';
import { readCrds } from '../manifests/rules/crds.ts';
import { at, readRepository } from '../manifests/rules/repository.ts';
import { readBase, readKustomization } from './kustomization.ts';

const root = join(import.meta.dirname, '../..');
const folder = 'knative/platform';
const base = readBase(root, folder);
const platform = readRepository(root).resources.filter(({ file }) => file.startsWith(`${folder}/`));
const environments = globSync('*', { cwd: join(root, 'knative/environments') });
const Content = v.looseObject({
  apiVersion: v.string(),
  kind: v.string(),
  metadata: v.looseObject({ name: v.string() }),
});
const installation = 'scripts/examples/installation';

it('applies every file, once', () => {
  expect(base.files.toSorted()).toEqual(platform.map(({ file }) => file).toSorted());
});

it('mounts the ConfigMaps that it makes, of files that exist', () => {
  const files = base.configMaps.flatMap(({ files }) => files);
  expect(files.filter(({ path }) => !existsSync(join(root, path)))).toEqual([]);
  const mounted = platform.flatMap(({ content }) =>
    [at(content, 'spec', 'template', 'spec', 'volumes') ?? []]
      .flat()
      .map((volume) => at(volume, 'configMap', 'name')),
  );
  expect(mounted.filter((name) => typeof name === 'string').toSorted()).toEqual(
    base.configMaps.map(({ name }) => name).toSorted(),
  );
});

it('puts each file that a command or a probe names, /etc/<ConfigMap>/<file>, into that ConfigMap', () => {
  const there = base.configMaps.flatMap(({ name, files }) =>
    files.map(({ key }) => `/etc/${name}/${basename(key)}`),
  );
  const named = JSON.stringify(platform).match(/\/etc\/[\w-]+\/[\w.-]+/g) ?? [];
  expect(named).toContain('/etc/redis/start.sh');
  expect(named.filter((file) => !there.includes(file))).toEqual([]);
});

it('uses only namespaces of its own and of the releases', () => {
  const ours = platform.filter(({ kind }) => kind === 'Namespace').map(({ name }) => name);
  const used = new Set(platform.map(({ content }) => at(content, 'metadata', 'namespace')));
  // A resource of the cluster has none.
  const known: unknown[] = [...ours, 'knative-eventing', 'kourier-system', undefined];
  expect([...used].filter((name) => !known.includes(name))).toEqual([]);
});

it.each([...environments.map((name) => `knative/environments/${name}`), installation])(
  '%s says only what differs, of resources that exist',
  (overlay) => {
    const { resources, patches } = readKustomization(root, overlay);
    expect(resources).toEqual([expect.stringMatching(/platform$|environments\/prod$/)]);
    for (const { target, patch } of patches) {
      const met = platform.filter(
        ({ kind, name }) => kind === target.kind && new RegExp(`^(${target.name})$`).test(name),
      );
      expect(met.map(({ name }) => name)).not.toEqual([]);
      for (const { content } of met) expect(unchanged(at(patch, 'spec'), content['spec'])).toEqual([]);
    }
  },
);

/** Paths of a patch that name the value which is there already. */
function unchanged(patch: unknown, content: unknown, path = 'spec'): string[] {
  if (typeof patch !== 'object' || patch === null)
    return patch === (content ?? null) ? [`${path} = ${String(patch)}`] : [];
  return Object.entries(patch).flatMap(([key, value]) =>
    unchanged(value, at(content, key), `${path}.${key}`),
  );
}

const skipped = !hasKustomize() && process.env['CI'] !== 'true';
if (skipped) console.warn('The environments are not rendered: neither kubectl nor kustomize is on the PATH.');

describe.skipIf(skipped)('by kustomize', () => {
  const render = (overlay: string) => resourcesIn(kustomize(join(root, overlay)));

  it.each([...environments.map((name) => `knative/environments/${name}`), installation])(
    '%s has all resources of the platform, valid after its patches',
    (overlay) => {
      const resources = render(overlay);
      expect(resources).toHaveLength(platform.length + base.configMaps.length);
      const crds = process.env['CRDS_DIR'];
      if (crds) expect(resources.flatMap(readCrds(crds))).toEqual([]);
    },
  );

  it('on the dev cluster asks for as many copies as there are nodes', () => {
    const resources = render('knative/environments/dev');
    const of = (kind: string) => resources.find((one) => one.kind === kind)?.content;
    const config = Object.entries(at(of('Kafka'), 'spec', 'kafka', 'config') ?? {});
    const copies = config.filter(([name]) => /replication\.factor$|min\.(isr|insync\.replicas)$/.test(name));
    expect(new Set(copies.map(([, count]) => count))).toEqual(
      new Set([at(of('KafkaNodePool'), 'spec', 'replicas')]),
    );
  });

  it("an installation's changes of the platform are applied, and nothing else differs from prod", () => {
    const [ours, theirs] = [render('knative/environments/prod'), render(installation)];
    const changed = theirs.filter((one, i) => JSON.stringify(one) !== JSON.stringify(ours[i]));
    expect(changed.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'Deployment edge',
      'KafkaTopic form-submissions',
      'Prometheus prometheus',
    ]);
  });

  it("an installation's changes of the functions are applied to what skaffold and render deploy", () => {
    const manifests = readApplication(root);
    const [ours, theirs] = [manifests, renderApplication(manifests, join(root, installation))].map(
      resourcesIn,
    );
    const names = (resources: typeof ours) =>
      resources?.map(({ kind, name }) => `${kind} ${name}`).toSorted();
    expect(names(theirs)).toEqual(names(ours));
    const of = (kind: string, name: string) =>
      theirs?.find((one) => one.kind === kind && one.name === name)?.content;
    expect(at(of('ConfigMap', 'formbus'), 'data')).toMatchObject({
      KAFKA_TOPIC: 'form-submissions',
      SMTP_URL: 'smtp://mail.example.org:587',
    });
    const annotations = at(of('Service', 'detect-slang'), 'spec', 'template', 'metadata', 'annotations');
    expect(annotations).toMatchObject({ 'autoscaling.knative.dev/max-scale': '4' });
    const images = theirs?.flatMap(({ content }) => {
      const image = at(content, 'spec', 'template', 'spec', 'containers', 0, 'image');
      return image === undefined ? [] : [image];
    });
    expect(new Set(images)).toEqual(new Set(['registry.example.org/formbus:1.4.0']));
  });
});

it('refuses pods in our namespaces that could take over their node', () => {
  const levels = readRepository(root)
    .resources.filter(({ kind }) => kind === 'Namespace')
    .map(({ content }) => at(content, 'metadata', 'labels', 'pod-security.kubernetes.io/enforce'));
  expect(levels).toEqual(['baseline', 'baseline', 'baseline']);
});

function resourcesIn(yaml: string) {
  return parseAllDocuments(yaml).map((document) => {
    const content = v.parse(Content, document.toJS());
    const { apiVersion, kind, metadata } = content;
    return { file: `${kind} ${metadata.name}`, apiVersion, kind, name: metadata.name, content };
  });
}
