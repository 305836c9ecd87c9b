import * as v from 'valibot';
import { field, type FieldOptions } from './field.ts';
import { oneLine, severalLines } from './normalise.ts';

/**
 * A field for free text of at most `max` UTF-16 code units, as JavaScript and HTML count; with `lines`, a text of several lines.
 *
 * @example
 * ```ts
 * text('Message', { max: 2000, lines: 6, required: false })
 * ```
 */
export function text(title: string, options: FieldOptions & { max: number; lines?: number }) {
  const { max, lines } = options;
  const schema = v.pipe(
    v.string(),
    v.nonEmpty(),
    v.maxLength(max, ({ input }) => `Use at most ${max} characters; there are ${input.length}.`),
  );
  return field(
    title,
    options,
    lines
      ? { widget: { input: 'textarea', lines }, normalise: severalLines, schema }
      : { widget: { input: 'text' }, normalise: oneLine, schema },
  );
}
