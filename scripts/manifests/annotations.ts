import * as v from 'valibot';
import { commaList } from './comma-list.ts';

/** One of Formbus's own annotations. All are lists with commas between the items. */
interface Annotation {
  kind: 'Service' | 'ConfigMap';
  meaning: string;
  /** What one item looks like, as a regular expression's source. */
  item: string;
  /** What holds without the annotation. */
  default: string;
}

/** All annotations `formbus.dev/*` that manifests may have, each in the `metadata` of resources of its kind. */
const ANNOTATIONS = {
  'formbus.dev/replies': {
    kind: 'Service',
    meaning: 'Types of the events that the task may reply with; the same as `replies` in its code.',
    item: '[A-Za-z0-9._-]+',
    default: 'The task replies with no event.',
  },
  'formbus.dev/secret-keys': {
    kind: 'ConfigMap',
    meaning: 'Keys that the installation’s Secret of the same name must have.',
    item: '[A-Za-z0-9._-]+',
    default: 'The Secret needs no key.',
  },
} as const satisfies Record<`formbus.dev/${string}`, Annotation>;

type Name = keyof typeof ANNOTATIONS;
const entries: [string, Annotation][] = Object.entries(ANNOTATIONS);

const listOf = (item: string) => `^\\s*(${item}(\\s*,\\s*${item})*)?\\s*$`;

/** The items of an annotation; none where it is missing. */
export function annotationItems(annotations: unknown, name: Name): string[] {
  const value = v.is(v.looseObject({ [name]: v.string() }), annotations) ? annotations[name] : '';
  return commaList(String(value));
}

/** Refuses annotations `formbus.dev/*` that a resource of that kind does not have, or whose items are malformed. */
export function ownAnnotations<T extends Record<string, unknown>>(kind: string) {
  return v.rawCheck<T>(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    for (const [key, value] of Object.entries(dataset.value)) {
      if (!key.startsWith('formbus.dev/')) continue;
      const known = entries.find(([name, annotation]) => name === key && annotation.kind === kind)?.[1];
      const isList = known && new RegExp(listOf(known.item)).test(String(value));
      if (isList) continue;
      const message = known
        ? 'must be a list with commas between its items'
        : `is not an annotation of Formbus for a ${kind}`;
      addIssue({ message, path: [{ type: 'object', origin: 'key', input: dataset.value, key, value }] });
    }
  });
}

/** The same table for an editor, as a JSON Schema of any manifest; other fields are none of its business. */
export function annotationsSchema(): object {
  const kinds = [...new Set(entries.map(([, { kind }]) => kind))];
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Annotations of Formbus',
    allOf: kinds.map((kind) => ({
      anyOf: [
        { not: { properties: { kind: { const: kind } }, required: ['kind'] } },
        { properties: { metadata: { properties: { annotations: annotationsOf(kind) } } } },
      ],
    })),
  };
}

function annotationsOf(kind: string): object {
  const known = entries.filter(([, annotation]) => annotation.kind === kind);
  return {
    properties: Object.fromEntries(
      known.map(([name, { meaning, item, default: without }]) => [
        name,
        { type: 'string', pattern: listOf(item), description: `${meaning} Without it: ${without}` },
      ]),
    ),
    propertyNames: {
      anyOf: [{ enum: known.map(([name]) => name) }, { not: { pattern: '^formbus\\.dev/' } }],
    },
  };
}
