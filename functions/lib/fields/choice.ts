import * as v from 'valibot';
import { field, type FieldOptions } from './field.ts';
import { oneLine } from './normalise.ts';

/**
 * A field for one of a few values: `options` has each value with its label. Pairs keep their order; JavaScript moves values like '10'
 * to the front of an object.
 *
 * @throws Error when a value could never be chosen
 * @example
 * ```ts
 * choice('Size', { options: { S: 'Small', L: 'Large' } })
 * choice('Minutes', { options: [['30', 'Half an hour'], ['10', 'Ten minutes']] })
 * ```
 */
export function choice(
  title: string,
  options: FieldOptions & { options: Record<string, string> | readonly (readonly [string, string])[] },
) {
  const pairs = Array.isArray(options.options) ? options.options : Object.entries(options.options);
  const values = pairs.map(([value]) => value);
  const odd = values.find(
    (value, index) => oneLine(value) !== value || !value || values.indexOf(value) < index,
  );
  if (odd !== undefined)
    throw new Error(`choice: “${odd}” is empty, has white space around it, or comes twice in “${title}”.`);
  return field(title, options, {
    widget: { input: 'select', options: pairs },
    normalise: oneLine,
    schema: v.picklist(values),
  });
}
