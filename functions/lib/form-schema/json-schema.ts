import { toJsonSchema, type JsonSchema } from '@valibot/to-json-schema';
import type { FormSchema } from './form-schema.ts';

/** A form's JSON Schema describes the fields as they are kept. An optional field may be left out, or empty. */
export function formJsonSchema(schema: FormSchema): JsonSchema {
  return toJsonSchema(schema, {
    errorMode: 'ignore',
    overrideSchema({ valibotSchema, jsonSchema }) {
      if (valibotSchema.type !== 'optional') return undefined;
      const { default: ifEmpty = '', ...given } = jsonSchema;
      return { anyOf: [{ const: '' }, given], default: ifEmpty };
    },
  });
}
