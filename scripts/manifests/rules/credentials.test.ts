import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import * as v from 'valibot';
import { resource } from './testing/change.ts';
import { at, readRepository } from './repository.ts';

const root = join(import.meta.dirname, '../../..');
const repository = readRepository(root);
const Function = v.object({ name: v.string(), env: v.record(v.string(), v.unknown()) });
const Variable = v.object({ name: v.string(), valueFrom: v.optional(v.unknown()) });

const { forms, tasks } = repository;
const ours = Object.entries({ forms, tasks })
  .flatMap(([kind, names]) => names.map((name) => ({ kind, name })))
  .filter(({ kind, name }) => existsSync(join(root, `functions/${kind}/${name}/${name}.ts`)));
const fromSecrets = ({ kind, name }: { kind: string; name: string }) => {
  const { content } = resource(repository, `knative/${kind}/${name}.yaml`);
  const env = at(content, 'spec', 'template', 'spec', 'containers', 0, 'env');
  return v
    .parse(v.array(Variable), env)
    .filter(({ valueFrom }) => at(valueFrom, 'secretKeyRef') !== undefined)
    .map((one) => one.name);
};
const credentials = new Set(ours.flatMap(fromSecrets));

/** A missing optional credential would show only when a connection is refused. */
it.each(ours)('$name is given the credentials that its code reads', async ({ kind, name }) => {
  const file = join(root, `functions/${kind}/${name}/${name}.ts`);
  const module: Record<string, unknown> = await import(pathToFileURL(file).href);
  const found = Object.values(module).find((one) => v.is(Function, one) && one.name === name);
  const { env } = v.parse(Function, found);
  const read = Object.keys(env).filter((variable) => credentials.has(variable));
  expect(fromSecrets({ kind, name }).toSorted()).toEqual(read.toSorted());
});
