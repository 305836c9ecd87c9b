import { CloudEvent, type CloudEventV1 } from 'cloudevents';
import { traceparentOf, type Submission } from './event.ts';

export interface ReplyFacts<T> {
  /** The name of the task that replies. */
  task: string;
  type: string;
  data: T;
  /** More attributes, for Triggers to filter by. */
  extensions?: Record<string, string | boolean>;
}

/**
 * What a task found out about a submission, as an event. All of it follows from the submission, so that one that is delivered again
 * gives the same event: the id is `<its id>/<task>`, the time its own. `form` and `sheet` go along, and `traceparent`.
 */
export function replyTo<T>(
  submission: Submission,
  { task, type, data, extensions = {} }: ReplyFacts<T>,
): CloudEventV1<T> {
  const { id, time, form, sheet, traceparent } = submission;
  const trace = traceparentOf(typeof traceparent === 'string' ? traceparent : undefined);
  return new CloudEvent({
    ...extensions,
    id: `${id}/${task}`,
    type,
    source: `/tasks/${task}`,
    time,
    datacontenttype: 'application/json',
    data,
    form,
    sheet,
    partitionkey: id,
    ...(trace ? { traceparent: trace } : {}),
  });
}
