import type { Filter } from '../events/trigger-filter.ts';

/** The forms that a filter asks for by name and that are not among these. */
export function unknownForms(filter: Filter, forms: string[]): string[] {
  if ('filters' in filter) return filter.filters.flatMap((inner) => unknownForms(inner, forms));
  const isNamed = filter.kind === 'exact' && filter.attribute === 'form';
  return isNamed && !forms.includes(filter.value) ? [filter.value] : [];
}
