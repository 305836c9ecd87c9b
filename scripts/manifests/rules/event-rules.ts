import { type Filter, matches } from '../../events/filters.ts';
import { unknownForms } from '../form-filters.ts';
import { at, ofKind, type Repository, type Rule } from './repository.ts';

/** What is published about every form: by itself, and by `npm run forget`. */
const FORM_TYPES = ['form.submitted', 'form.suspected', 'form.forgotten'];

/** Every Trigger can get something: its type is published and, if it names a form, there is such a form. */
export const producers: Rule = (repository, { triggers }) => {
  const events = producible(repository);
  return triggers.flatMap(({ file, filter }) => {
    const strange = unknownForms(filter, repository.forms);
    if (strange.length > 0)
      return [`${file}: its filter names ${strange.join(', ')}, and there is no such form`];
    return events.some((event) => mayMatch(filter, event))
      ? []
      : [`${file}: nobody publishes an event that its filter lets pass`];
  });
};

/** No event goes to a task twice, by two Triggers that both let it pass. */
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

/** No reply comes back, by whichever way, to the task that gave it: such an event would go round for ever. */
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

/** The types of all events that there may be. A task's answer is one where a Trigger calls it; to a PingSource it is none. */
export function publishedTypes(repository: Repository): string[] {
  const called = ofKind(repository, 'Trigger').map(({ content }) =>
    at(content, 'spec', 'subscriber', 'ref', 'name'),
  );
  const replies = [...repliesOf(repository)].flatMap(([task, types]) => (called.includes(task) ? types : []));
  return [...new Set([...FORM_TYPES, ...replies])];
}

/** The types that each task's answers have, by its annotation `formbus.dev/replies: <type>[,<type>]`. */
function repliesOf(repository: Repository): Map<string, string[]> {
  const services = ofKind(repository, 'Service').map(({ name, content }): [string, string[]] => {
    const declared = at(content, 'metadata', 'annotations', 'formbus.dev/replies');
    return [name, typeof declared === 'string' ? declared.split(',').map((type) => type.trim()) : []];
  });
  return new Map(services);
}

/** Every kind of event that is published: each form's, and each reply about each form's. */
function producible(repository: Repository): Record<string, string>[] {
  const replied = publishedTypes(repository).filter((type) => !FORM_TYPES.includes(type));
  const common = { specversion: '1.0', datacontenttype: 'application/json' };
  return repository.forms.flatMap((form) => [
    ...FORM_TYPES.map((type) => ({ ...common, type, form, source: `/forms/${form}` })),
    ...replied.map((type) => ({ ...common, type, form })),
  ]);
}

/** False only if no value of the attributes that `event` leaves open could make the filter true. */
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
