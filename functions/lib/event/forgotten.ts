import { CloudEvent, type CloudEventV1 } from 'cloudevents';
import * as v from 'valibot';
import { Submission } from './event.ts';

const forgottenType = 'form.forgotten';

/**
 * Tells every task that keeps something of a submission to forget it, for good: what comes of it later, by a late delivery or a
 * replay, is not kept again. `subject` and `data.id` are the submission's id, `form` and `sheet` its own.
 */
export const Forgotten = v.looseObject({
  ...v.omit(Submission, ['type', 'data']).entries,
  type: v.literal(forgottenType),
  data: v.object({ id: Submission.entries.id }),
});
export type Forgotten = v.InferOutput<typeof Forgotten>;

/** For a task that keeps submissions. Its Trigger's filter lets both pass, or a second Trigger brings these. */
export const SubmissionOrForgotten = v.lazy((input) =>
  v.is(v.object({ type: v.literal(forgottenType) }), input) ? Forgotten : Submission,
);

export function isForgotten(event: Submission | Forgotten): event is Forgotten {
  return event.type === forgottenType;
}

/** The event by which a submission is forgotten; its own id follows from the submission's, so that asking twice is asking once. */
export function forgottenEvent(
  { id, form, sheet }: { id: string; form: string; sheet: string },
  now = new Date(),
): CloudEventV1<{ id: string }> {
  return new CloudEvent({
    id: `${id}/forgotten`,
    type: forgottenType,
    source: '/forget',
    time: now.toISOString(),
    subject: id,
    datacontenttype: 'application/json',
    data: { id },
    form,
    sheet,
    partitionkey: id,
  });
}
