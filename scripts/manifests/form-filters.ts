import type { Filter } from '../events/filters.ts';
import type { Log } from '../runner/log.ts';
import type { Trigger } from './manifests.ts';

/** The forms that a filter asks for by name and that are not among these. */
export function unknownForms(filter: Filter, forms: string[]): string[] {
  if ('filters' in filter) return filter.filters.flatMap((inner) => unknownForms(inner, forms));
  const isNamed = filter.kind === 'exact' && filter.attribute === 'form';
  return isNamed && !forms.includes(filter.value) ? [filter.value] : [];
}

/** A form may live elsewhere and send its events here, so that it is no error; mostly it is a slip of the keyboard. */
export function warnOfUnknownForms(triggers: Trigger[], forms: string[], log: Log): void {
  for (const { file, filter } of triggers)
    for (const form of unknownForms(filter, forms))
      log.warn(
        {},
        `${file}: the filter names a form ${form}, and there is none here; there are ${forms.join(', ') || 'none'}`,
      );
}
