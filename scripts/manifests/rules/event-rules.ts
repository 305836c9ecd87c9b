import { type Filter, matches } from '../../events/trigger-filter.ts';
import { annotationItems } from '../annotations.ts';
import { unknownForms } from '../form-filters.ts';
import { at, ofKind, type Repository, type Rule } from './repository.ts';

/** Event types that forms and `npm run forget` publish. */
const FORM_TYPES = ['form.submitted', 'form.suspected', 'form.forgotten'];

/** Every Trigger can match a published event, and the form that it names exists. */
export const producers: Rule = (repository, { triggers }) => {
  const events = producible(repository);
  return triggers.flatMap(({ file, filter }) => {
    const strange = unknownForms(filter, repository.forms);
    if (strange.length > 0) return [`${file}: its filter names ${strange.join(', ')}, which is not a form`];
    return events.some((event) => mayMatch(filter, event))
      ? []
      : [`${file}: no published event passes its filter`];
  });
};

/** No two Triggers deliver the same event to a task. */
export const overlaps: Rule = (repository, { triggers }) => {
  const events = producible(repository);
  const called = triggers.flatMap(({ file, filter, subscriber }) =>
    'service' in subscriber ? [{ file, service: subscriber.service, filter }] : [],
  );
  const passesBoth = (a: Filter, b: Filter) =>
    events.some((event) => verdict(a, event) === true && verdict(b, event) === true);
  return called.flatMap((one, i) =>
    called
      .slice(i + 1)
      .filter((other) => other.service === one.service && passesBoth(one.filter, other.filter))
      .map((other) => `${other.file}: delivers to ${one.service} what ${one.file} delivers`),
  );
};

/** No reply reaches its own task again, directly or through others: such an event would circulate for ever. */
export const loops: Rule = (repository, { triggers }) => {
  const events = producible(repository);
  const replies = repliesOf(repository);
  const next = (type: string) =>
    triggers
      .filter(({ filter }) => events.some((event) => event['type'] === type && mayMatch(filter, event)))
      .flatMap(({ subscriber }) => ('service' in subscriber ? (replies.get(subscriber.service) ?? []) : []));
  const reachable = (from: string) => {
    const seen = new Set<string>();
    const open = next(from);
    for (let type = open.pop(); type !== undefined; type = open.pop()) {
      if (seen.has(type)) continue;
      seen.add(type);
      open.push(...next(type));
    }
    return seen;
  };
  return [...new Set(events.map((event) => event['type'] ?? ''))]
    .filter((type) => reachable(type).has(type))
    .map((type) => `eventing/triggers: ${type} leads to ${type} again`);
};

/** The types of all published events. A task's reply is published only if a Trigger calls the task, not a PingSource. */
export function publishedTypes(repository: Repository): string[] {
  const called = ofKind(repository, 'Trigger').map(({ content }) =>
    at(content, 'spec', 'subscriber', 'ref', 'name'),
  );
  const replies = [...repliesOf(repository)].flatMap(([task, types]) => (called.includes(task) ? types : []));
  return [...new Set([...FORM_TYPES, ...replies])];
}

/** The reply types of each task, from its annotation `formbus.dev/replies: <type>[,<type>]`. */
function repliesOf(repository: Repository): Map<string, string[]> {
  const services = ofKind(repository, 'Service').map(({ name, content }): [string, string[]] => {
    return [name, annotationItems(at(content, 'metadata', 'annotations'), 'formbus.dev/replies')];
  });
  return new Map(services);
}

/** Every published combination of form and type, replies included. */
function producible(repository: Repository): Record<string, string>[] {
  const replied = publishedTypes(repository).filter((type) => !FORM_TYPES.includes(type));
  const common = { specversion: '1.0', datacontenttype: 'application/json' };
  return repository.forms.flatMap((form) => [
    ...FORM_TYPES.map((type) => ({ ...common, type, form, source: `/forms/${form}` })),
    ...replied.map((type) => ({ ...common, type, form })),
  ]);
}

/** False only if the filter is false for all values of the attributes that `event` leaves open. */
function mayMatch(filter: Filter, event: Record<string, string>): boolean {
  return verdict(filter, event) !== false;
}

function verdict(filter: Filter, event: Record<string, string>): boolean | undefined {
  if ('filter' in filter) {
    const inner = verdict(filter.filter, event);
    return inner === undefined ? undefined : !inner;
  }
  if ('filters' in filter) {
    const decisive = filter.kind === 'any';
    const verdicts = filter.filters.map((inner) => verdict(inner, event));
    if (verdicts.includes(decisive)) return decisive;
    return verdicts.includes(undefined) ? undefined : !decisive;
  }
  return filter.attribute in event ? matches(filter, event) : undefined;
}
