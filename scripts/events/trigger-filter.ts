import * as v from 'valibot';

/** A Trigger's filter as a tree. An empty `all` lets every event pass; an empty `any` none. */
export type Filter =
  | { kind: 'exact' | 'prefix' | 'suffix'; attribute: string; value: string }
  | { kind: 'all' | 'any'; filters: Filter[] }
  | { kind: 'not'; filter: Filter };

/** A CloudEvent's context attributes and extensions by name, as text. */
export type Attributes = Readonly<Record<string, string>>;

/** Says whether an event passes. An attribute that the event does not have matches nothing. */
export function matches(filter: Filter, attributes: Attributes): boolean {
  switch (filter.kind) {
    case 'all':
      return filter.filters.every((inner) => matches(inner, attributes));
    case 'any':
      return filter.filters.some((inner) => matches(inner, attributes));
    case 'not':
      return !matches(filter.filter, attributes);
    default:
      return matchesAttribute(filter, attributes);
  }
}

function matchesAttribute(filter: Exclude<Filter, { kind: 'all' | 'any' | 'not' }>, attributes: Attributes) {
  const actual = Object.hasOwn(attributes, filter.attribute) ? attributes[filter.attribute] : undefined;
  if (actual === undefined) return false;
  if (filter.kind === 'exact') return actual === filter.value;
  return filter.kind === 'prefix' ? actual.startsWith(filter.value) : actual.endsWith(filter.value);
}

const NAME = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9]+$/, 'a CloudEvents attribute name has lower-case letters and digits only'),
);

/** `spec.filter.attributes` of a Trigger: all must be equal; an empty value asks for nothing (`AttributesFilter`). */
export const AttributesFilterSchema = v.pipe(
  v.strictObject({ attributes: v.optional(v.record(NAME, v.string()), {}) }),
  v.transform(({ attributes }): Filter => {
    const asked = Object.entries(attributes).filter(([, value]) => value !== '');
    return { kind: 'all', filters: terms('exact', Object.fromEntries(asked)) };
  }),
);

const MAP = v.pipe(
  v.record(NAME, v.pipe(v.string(), v.minLength(1, 'must not be empty'))),
  v.check((map) => Object.keys(map).length > 0, 'must name at least one attribute'),
);

/** One entry of `spec.filters` (or nested in one): exactly one dialect. CESQL is refused: this Broker does not speak it. */
export const FilterSchema: v.GenericSchema<unknown, Filter> = v.pipe(
  v.strictObject({
    exact: v.optional(MAP),
    prefix: v.optional(MAP),
    suffix: v.optional(MAP),
    all: v.optional(v.lazy(() => v.pipe(v.array(FilterSchema), v.minLength(1, 'must not be empty')))),
    any: v.optional(v.lazy(() => v.pipe(v.array(FilterSchema), v.minLength(1, 'must not be empty')))),
    not: v.optional(v.lazy(() => FilterSchema)),
    cesql: v.optional(
      v.never('CESQL is not supported here; say it with exact, prefix, suffix, all, any and not'),
    ),
  }),
  v.check(
    (given) => Object.keys(given).length === 1,
    'must have exactly one of exact, prefix, suffix, all, any, not',
  ),
  v.transform(({ exact, prefix, suffix, all, any, not }): Filter => {
    if (not) return { kind: 'not', filter: not };
    if (any) return { kind: 'any', filters: any };
    if (all) return { kind: 'all', filters: all };
    return {
      kind: 'all',
      filters: [...terms('exact', exact), ...terms('prefix', prefix), ...terms('suffix', suffix)],
    };
  }),
);

function terms(kind: 'exact' | 'prefix' | 'suffix', map: Record<string, string> = {}): Filter[] {
  return Object.entries(map).map(([attribute, value]) => ({ kind, attribute, value }));
}
