import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import * as v from 'valibot';
import { parseAllDocuments } from 'yaml';
import type { Resource } from '../manifest-files.ts';
import { checkCoreKind } from './core-kinds.ts';

/** Kinds without a CRD in the folder. That of Prometheus has 800 kB; a rule of ours checks it instead. */
const WITHOUT_CRD = new Set(['monitoring.coreos.com/v1 Prometheus']);

const Crd = v.object({
  kind: v.literal('CustomResourceDefinition'),
  spec: v.object({
    group: v.string(),
    names: v.object({ kind: v.string() }),
    versions: v.array(
      v.object({
        name: v.string(),
        served: v.boolean(),
        schema: v.object({ openAPIV3Schema: v.looseObject({}) }),
      }),
    ),
  }),
});

/**
 * Checks resources as an API server does, custom kinds with the CRDs in `dir`. Stricter: an unknown field, which an API server would
 * silently drop, is an error.
 * @returns a function that lists what is wrong with a resource
 */
export function readCrds(dir: string): (resource: Resource) => string[] {
  const ajv = new Ajv({ strict: false, allErrors: true, code: { regExp: goRegExp } });
  formats.default(ajv);
  const schemas = new Map<string, object>();
  for (const file of readdirSync(dir).filter((name) => name.endsWith('.yaml'))) {
    for (const document of parseAllDocuments(readFileSync(join(dir, file), 'utf8'))) {
      const parsed = v.safeParse(Crd, document.toJS());
      if (!parsed.success) continue;
      const { group, names, versions } = parsed.output.spec;
      for (const { name, served, schema } of versions) {
        if (served) schemas.set(`${group}/${name} ${names.kind}`, closed(withHead(schema.openAPIV3Schema)));
      }
    }
  }
  return (resource) => {
    const { file, apiVersion, kind, content } = resource;
    const core = checkCoreKind(resource);
    if (core) return core;
    const schema = schemas.get(`${apiVersion} ${kind}`);
    if (!schema && WITHOUT_CRD.has(`${apiVersion} ${kind}`)) return [];
    if (!schema) return [`${file}: there is no CRD for ${apiVersion} ${kind} in ${dir}`];
    const validate = ajv.compile(schema);
    if (validate(content)) return [];
    return (validate.errors ?? []).map(({ instancePath, message, params }) => {
      return `${file}: ${instancePath}: ${message} ${JSON.stringify(params)}`;
    });
  };
}

/** Go writes flags into the pattern. */
const goRegExp = Object.assign(
  (pattern: string, flags: string) =>
    pattern.includes('(?i)')
      ? new RegExp(pattern.replace('(?i)', ''), `${flags}i`)
      : new RegExp(pattern, flags),
  { code: 'new RegExp' },
);

/** Adds the fields that every resource has. The API server itself checks `metadata`. */
function withHead(schema: Record<string, unknown>) {
  const properties = v.parse(v.optional(v.looseObject({}), {}), schema['properties']);
  const head = {
    apiVersion: { type: 'string' },
    kind: { type: 'string' },
    metadata: { 'x-kubernetes-preserve-unknown-fields': true },
  };
  return { ...schema, properties: { ...properties, ...head } };
}

/** An OpenAPI v3 schema as JSON Schema that refuses the fields that Kubernetes would prune. */
function closed(schema: unknown): object {
  const { properties, items, additionalProperties, anyOf, nullable, type, ...rest } = v.parse(Schema, schema);
  const result: Record<string, unknown> = { ...rest };
  if (rest['x-kubernetes-int-or-string']) return { ...result, type: ['integer', 'string'] };
  if (type) result['type'] = nullable ? [type, 'null'] : type;
  if (items) result['items'] = closed(items);
  if (anyOf) result['anyOf'] = anyOf;
  if (properties) {
    result['properties'] = Object.fromEntries(
      Object.entries(properties).map(([name, inner]) => [name, closed(inner)]),
    );
  }
  if (typeof additionalProperties === 'object') result['additionalProperties'] = closed(additionalProperties);
  else if (type === 'object' && !rest['x-kubernetes-preserve-unknown-fields']) {
    result['additionalProperties'] = additionalProperties ?? false;
  }
  return result;
}

const Schema = v.looseObject({
  type: v.optional(v.string()),
  nullable: v.optional(v.boolean()),
  properties: v.optional(v.record(v.string(), v.unknown())),
  items: v.optional(v.looseObject({})),
  additionalProperties: v.optional(v.union([v.boolean(), v.looseObject({})])),
  anyOf: v.optional(v.array(v.unknown())),
});
