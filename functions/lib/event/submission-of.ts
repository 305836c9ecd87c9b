import * as v from 'valibot';
import { isOptional } from '../fields/field.ts';
import type { FormSchema } from '../form-schema/form-schema.ts';
import { Submission } from './submission.ts';

type TextsOf<S extends FormSchema> = Record<keyof S['entries'] & string, string>;

/**
 * The submissions of one form, suspected ones included: `event.data` has a text for each field of the form's schema. Other forms'
 * events are refused. An optional field that an older event lacks is ''; an event that lacks a required one is refused.
 *
 * @example
 * ```ts
 * export const greet = task('greet', submissionOf(visitorBook), async ({ event, log }) => {
 *   log.info({ id: event.id, characters: event.data.message.length }, 'seen');
 * });
 * ```
 */
export function submissionOf<S extends FormSchema>({ name, schema }: { name: string; schema: S }) {
  const fields = Object.entries(schema.entries);
  const leftOut = Object.fromEntries(
    fields.flatMap(([key, field]) => (isOptional(field) ? [[key, '']] : [])),
  );
  return v.looseObject({
    ...Submission.entries,
    type: v.picklist(['form.submitted', 'form.suspected']),
    form: v.literal(name),
    data: v.pipe(
      Submission.entries.data,
      v.rawTransform<Submission['data'], TextsOf<S>>(({ dataset: { value: input }, addIssue, NEVER }) => {
        const data: Submission['data'] = { ...leftOut, ...input };
        const isWrong = (texts: Submission['data'], key: string) => typeof texts[key] !== 'string';
        const isComplete = (texts: Submission['data']): texts is TextsOf<S> =>
          !fields.some(([key]) => isWrong(texts, key));
        if (isComplete(data)) return data;
        for (const [key] of fields)
          if (isWrong(data, key))
            addIssue({ path: [{ type: 'object', origin: 'value', input, key, value: input[key] }] });
        return NEVER;
      }),
    ),
  });
}
