import { unknownForms } from '../../manifests/form-filters.ts';
import type { Trigger } from '../../manifests/types.ts';
import type { Log } from '../log.ts';

/** Warns of filters that name a form that is not here: allowed, since a form may live elsewhere, but mostly a typing mistake. */
export function warnOfUnknownForms(triggers: Trigger[], forms: string[], log: Log): void {
  for (const { file, filter } of triggers)
    for (const form of unknownForms(filter, forms))
      log.warn(
        {},
        `${file}: the filter names a form ${form}, and there is none here; there are ${forms.join(', ') || 'none'}`,
      );
}
