import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { projectRoot } from '../../cli/root.ts';

/**
 * For a name that nothing was found for.
 * @param seen forms that there are submissions of: they stay when their form goes
 * @throws Error that names the forms when it is none of them, and none of this project's either
 */
export function refuseUnknownForm(form: string, seen: Iterable<string>): void {
  const ours = globSync('*.yaml', { cwd: join(projectRoot(), 'knative/forms') }).map((file) =>
    basename(file, '.yaml'),
  );
  const known = new Set([...ours, ...seen]);
  if (known.has(form)) return;
  throw new Error(
    `there is no form ${form}, and no submission of one; there are ${[...known].toSorted().join(', ')}`,
  );
}
