import * as v from 'valibot';
import { field, type FieldOptions } from './field.ts';
import { numeric } from './normalise.ts';

/**
 * A field for a telephone number of 7 to 15 digits (15 is the most in ITU-T E.164), with spaces, dots, dashes, slashes, brackets and a
 * leading + as people write it.
 *
 * @example
 * ```ts
 * phone('Mobile number', { description: '7 to 15 digits, such as 7004465984' })
 * ```
 */
export function phone(title: string, options: FieldOptions = {}) {
  const message = 'Enter a telephone number of 7 to 15 digits, like +49 30 1234567.';
  const pattern = v.regex(/^\(?\+?(?:[ ()./-]*\d){7,15}[ ()./-]*$/, message);
  return field(
    title,
    { autocomplete: 'tel', ...options },
    {
      widget: { input: 'tel' },
      normalise: numeric,
      schema: v.pipe(v.string(), v.maxLength(40, message), pattern),
    },
  );
}
