import * as v from 'valibot';
import { Submission } from './submission.ts';

const forgottenType = 'form.forgotten';

/**
 * A person's wish that a submission be forgotten: every task that keeps something of it deletes that, and does not keep it again when the
 * submission arrives later, by a late delivery or a replay. `subject` and `data.id` are the submission's id, `form` and `sheet` its own.
 *
 * @example
 * ```ts
 * export const forget = task('forget', Forgotten, async ({ event }) => {
 *   await rows.delete(event.data.id);
 * });
 * ```
 */
export const Forgotten = v.looseObject({
  ...v.omit(Submission, ['type', 'data']).entries,
  type: v.literal(forgottenType),
  data: v.object({ id: Submission.entries.id }),
});

/**
 * A checked wish to forget a submission.
 *
 * @example
 * ```ts
 * const submissionIdOf = ({ data }: Forgotten) => data.id;
 * ```
 */
export type Forgotten = v.InferOutput<typeof Forgotten>;

/**
 * For a task that keeps submissions. Its Trigger's filter lets both types pass, or a second Trigger brings `form.forgotten`.
 *
 * @example
 * ```ts
 * export const keep = task('keep', SubmissionOrForgotten, async ({ event }) => {
 *   if (isForgotten(event)) await rows.delete(event.data.id);
 *   else await rows.insert(event.id, event.data);
 * });
 * ```
 */
export const SubmissionOrForgotten = v.lazy((input) =>
  v.is(v.object({ type: v.literal(forgottenType) }), input) ? Forgotten : Submission,
);

/**
 * Whether an event asks to forget a submission.
 *
 * @example
 * ```ts
 * if (isForgotten(event)) await rows.delete(event.data.id);
 * ```
 */
export function isForgotten(event: Submission | Forgotten): event is Forgotten {
  return event.type === forgottenType;
}
