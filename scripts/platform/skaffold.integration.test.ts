import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { expect, it } from 'vitest';
import * as v from 'valibot';
import { parse } from 'yaml';
import { readApplication } from '../cluster/render.ts';
import { at, readRepository, readVersions } from '../manifests/rules/repository.ts';

const root = join(import.meta.dirname, '../..');
const Skaffold = v.looseObject({
  build: v.looseObject({
    artifacts: v.array(v.looseObject({ image: v.string(), docker: v.object({ dockerfile: v.string() }) })),
  }),
  manifests: v.strictObject({ rawYaml: v.array(v.string()) }),
  resourceSelector: v.strictObject({
    deny: v.array(v.object({ groupKind: v.string(), labels: v.array(v.string()) })),
  }),
  profiles: v.array(
    v.looseObject({
      name: v.string(),
      patches: v.optional(v.array(v.looseObject({ path: v.string(), value: v.optional(v.unknown()) })), []),
    }),
  ),
});
const content: unknown = parse(readFileSync(join(root, 'skaffold.yaml'), 'utf8'));
const skaffold = v.parse(Skaffold, content);
const globs = skaffold.manifests.rawYaml;
const deployed = globs.flatMap((glob) => globSync(glob, { cwd: root })).toSorted();

it('has globs that Go understands, and each matches a file', () => {
  expect(globs.filter((glob) => glob.includes('**'))).toEqual([]);
  expect(globs.filter((glob) => globSync(glob, { cwd: root }).length === 0)).toEqual([]);
});

it('deploys each manifest of the application once, and nothing of the platform', () => {
  const files = readRepository(root).resources.map(({ file }) => file);
  expect(deployed).toEqual(files.filter((file) => !file.startsWith('knative/platform/')).toSorted());
});

it('builds the image that the functions name, from the pinned base', () => {
  expect(skaffold.build.artifacts.map(({ image }) => image)).toEqual(['dev.local/formbus']);
  const [dockerfile = ''] = skaffold.build.artifacts.map(({ docker }) => join(root, docker.dockerfile));
  expect(readFileSync(dockerfile, 'utf8')).toContain(`ARG NODE_IMAGE=${readVersions(root).images['node']}\n`);
});

it('has the same Node in its image as in development', () => {
  const { devDependencies } = v.parse(
    v.object({ devDependencies: v.object({ node: v.string() }) }),
    JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')),
  );
  expect(readVersions(root).images['node']).toContain(`/node:${devDependencies.node}-`);
});

it('does not label the template of a revision, so that a run alone creates none', () => {
  expect(skaffold.resourceSelector.deny).toContainEqual({
    groupKind: 'Service.serving.knative.dev',
    labels: ['.spec.template.metadata.labels'],
  });
});

it('has a profile for each environment', () => {
  const environments = globSync('*', { cwd: join(root, 'knative/environments') });
  expect(skaffold.profiles.map(({ name }) => name).toSorted()).toEqual(environments.toSorted());
});

it("passes a release through the installation's changes, of which prod itself has none", () => {
  const patch = skaffold.profiles
    .find(({ name }) => name === 'prod')
    ?.patches.find(({ path }) => path === '/manifests/hooks');
  const host = at(patch?.value, 'after', 0, 'host');
  const { command, withChange } = v.parse(
    v.object({ command: v.tupleWithRest([v.string()], v.string()), withChange: v.boolean() }),
    host,
  );
  expect(withChange).toBe(true);
  const [tool, ...args] = command;
  const input = readApplication(root);
  expect(execFileSync(tool, args, { cwd: root, input, encoding: 'utf8' })).toBe(input);
});

const schema = join(process.env['CRDS_DIR'] ?? '', 'skaffold-v4beta14.json');
const skipped = !existsSync(schema);
if (skipped)
  console.warn('skaffold.yaml is not checked against its schema: CRDS_DIR names no folder with it.');

it.skipIf(skipped)('is valid by its schema, which knows every field', () => {
  const ajv = new Ajv({ strict: false, allErrors: true });
  const validate = ajv.compile(JSON.parse(readFileSync(schema, 'utf8')));
  validate(content);
  expect(validate.errors ?? []).toEqual([]);
  validate({ ...skaffold, portForwards: [] });
  expect(validate.errors).toContainEqual(
    expect.objectContaining({ params: { additionalProperty: 'portForwards' } }),
  );
});
