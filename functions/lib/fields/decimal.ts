import * as v from 'valibot';
import {
  decimalText,
  exampleWithin,
  maxDecimalLength,
  plainDecimal,
  readingsWithin,
} from './decimal-text.ts';
import { field, type FieldOptions } from './field.ts';

/**
 * A field for a decimal number from `min` to `max`, both included; kept as a text, with a decimal point and the digits that were typed.
 *
 * @throws Error when no number lies in that range
 * @example
 * ```ts
 * decimal('Age', { min: 0, max: 150, description: 'In years' })
 * ```
 */
export function decimal(title: string, options: FieldOptions & { min: number; max: number }) {
  const { min, max } = options;
  const example = exampleWithin(options);
  const message = `Enter a number from ${min} to ${max}, like ${example}.`;
  const schema = v.pipe(
    v.string(),
    v.maxLength(maxDecimalLength, message),
    v.regex(plainDecimal, ({ input }) => {
      const readings = readingsWithin(input, options);
      return readings.length > 1
        ? `“${input}” can mean ${readings.join(' or ')}; write one of these.`
        : message;
    }),
    v.check((value) => Number(value) >= min && Number(value) <= max, message),
  );
  return field(title, options, {
    widget: { input: 'text', inputmode: 'decimal' },
    normalise: (value) => decimalText(value, options),
    schema,
    column: 'number',
  });
}
