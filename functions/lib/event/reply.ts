import { CloudEvent, type CloudEventV1 } from 'cloudevents';
import { traceparentOf } from './event.ts';
import type { Submission } from './submission.ts';

/**
 * What `replyTo` makes a reply of.
 *
 * @example
 * ```ts
 * const facts: ReplyFacts<{ words: number }> = { task: 'count-words', type: 'words.counted', data: { words: 3 } };
 * ```
 */
export interface ReplyFacts<T> {
  /** The name of the task that replies. */
  task: string;
  type: string;
  data: T;
  /** More attributes, for Triggers to filter by. */
  extensions?: Record<string, string | boolean>;
}

/**
 * What a task found out about a submission, as an event that the task returns. A submission that is delivered again yields the same
 * event: its id is `<the submission's>/<task>`, its `time`, `form`, `sheet` and `traceparent` are the submission's.
 *
 * @example
 * ```ts
 * return replyTo(event, { task: 'detect-slang', type: 'form.analyzed', data: { findings }, extensions: { flagged: findings > 0 } });
 * ```
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
