import * as client from '@kubernetes/client-node';
import * as models from 'kubernetes-models';
import * as v from 'valibot';
import type { Resource } from '../manifest-files.ts';
import { at } from './repository.ts';

const Model = v.pipe(v.custom<new (content: unknown) => unknown>((value) => typeof value === 'function'));
const Validated = v.looseObject({ validate: v.function() });
const Fields = v.array(v.object({ baseName: v.string(), type: v.string() }));
const Described = v.custom<{ getAttributeTypeMap: () => unknown }>(
  (value) => typeof value === 'function' && 'getAttributeTypeMap' in value,
);

/**
 * The problems of a resource of a built-in kind; undefined for other kinds. kubernetes-models checks types and required fields; the
 * official client knows which fields exist.
 */
export function checkCoreKind({ file, apiVersion, kind, content }: Resource): string[] | undefined {
  const [version = '', group] = apiVersion.split('/').toReversed();
  const path = [...(group === undefined ? [] : [camelCase(group)]), version, kind];
  const model = v.safeParse(Model, at(models, ...path));
  if (!model.success) return undefined;
  const problems = unknownFields(content, capitalised(version) + kind, '');
  try {
    const instance = v.parse(Validated, new model.output(content));
    instance.validate();
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
  return problems.map((problem) => `${file}: ${problem}`);
}

/** @param type in the client's notation: a model's name, `Array<…>`, `{ [key: string]: …; }` or a primitive type */
function unknownFields(value: unknown, type: string, path: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const entries: [string, unknown][] = Object.entries(value);
  const inner = /^Array<(.+)>$/.exec(type)?.[1] ?? /^\{ \[key: string\]: (.+); \}$/.exec(type)?.[1];
  if (inner !== undefined)
    return entries.flatMap(([key, one]) => unknownFields(one, inner, `${path}/${key}`));
  const model = v.safeParse(Described, Reflect.get(client, type));
  if (!model.success) return [];
  const fields = v.parse(Fields, model.output.getAttributeTypeMap());
  return entries.flatMap(([key, one]) => {
    const field = fields.find(({ baseName }) => baseName === key);
    return field
      ? unknownFields(one, field.type, `${path}/${key}`)
      : [`${path}/${key}: the field does not exist`];
  });
}

/** `networking.k8s.io` becomes `networkingK8sIo`. */
function camelCase(group: string): string {
  return group.replace(/\.(.)/g, (_, letter: string) => letter.toUpperCase());
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
