import { CloudEvent, type CloudEventV1 } from 'cloudevents';
import { Forgotten } from './forgotten.ts';

/** The event that asks every task to forget a submission. Its id follows from the submission's, so that asking twice counts once. */
export function forgottenEvent(
  { id, form, sheet }: { id: string; form: string; sheet: string },
  now = new Date(),
): CloudEventV1<{ id: string }> {
  return new CloudEvent({
    id: `${id}/forgotten`,
    type: Forgotten.entries.type.literal,
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
