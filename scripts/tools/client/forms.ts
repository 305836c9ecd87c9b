import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { projectRoot } from '../../cli/root.ts';

/**
 * Called when nothing was found for a form's name.
 * @param seen forms with submissions, which remain when a form is deleted
 * @throws Error that lists the forms when the name is neither one of these nor one of this project
 */
export function refuseUnknownForm(form: string, seen: Iterable<string>): void {
  const ours = globSync('*.yaml', { cwd: join(projectRoot(), 'knative/forms') }).map((file) =>
    basename(file, '.yaml'),
  );
  const known = new Set([...ours, ...seen]);
  if (known.has(form)) return;
  throw new Error(
    `there is no form ${form} and no submission of it; there are ${[...known].toSorted().join(', ')}`,
  );
}
