import type { CloudEventV1 } from 'cloudevents';
import type { Log } from '../runtime/log.ts';

/**
 * Does a task's work on one event, which arrives at least once and in any order. An event that it returns is a reply, which Knative
 * publishes.
 *
 * @example
 * ```ts
 * const handle: TaskHandler<Submission> = async ({ event, log }) => log.info({ id: event.id }, 'seen');
 * ```
 */
export type TaskHandler<T> = (input: { event: T; log: Log }) => Promise<CloudEventV1<unknown> | void>;
