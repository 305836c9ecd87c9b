import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import * as v from 'valibot';
import { annotationItems } from '../annotations.ts';
import { at, readRepository } from './repository.ts';
import { resource } from './testing/change.ts';

const root = join(import.meta.dirname, '../../..');
const repository = readRepository(root);
/** A function that is not a task has no replies. */
const Task = v.object({ name: v.string(), replies: v.optional(v.array(v.string()), []) });

const ours = repository.tasks.filter((name) => existsSync(join(root, `functions/tasks/${name}/${name}.ts`)));

/** `task(...)` publishes only the types that it names, so the manifests describe what happens at run time. */
it.each(ours)('%s names in its code the reply types that its manifest names', async (name) => {
  const file = `functions/tasks/${name}/${name}.ts`;
  const module: Record<string, unknown> = await import(pathToFileURL(join(root, file)).href);
  const tasks = Object.values(module).flatMap((value) => {
    const { success, output } = v.safeParse(Task, value);
    return success ? [output] : [];
  });
  const task = tasks.find((one) => one.name === name);
  const manifest = resource(repository, `knative/tasks/${name}.yaml`).content;
  const declared = annotationItems(at(manifest, 'metadata', 'annotations'), 'formbus.dev/replies');
  expect(declared).toEqual(task?.replies);
});
