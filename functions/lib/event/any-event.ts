import * as v from 'valibot';

/**
 * Any CloudEvent, its data unchecked: for tasks that a PingSource starts, or that only count events.
 *
 * @example
 * ```ts
 * export const nightly = task('nightly', AnyEvent, async ({ event, log }) => {
 *   log.info({ id: event.id, source: event.source }, 'started');
 * });
 * ```
 */
export const AnyEvent = v.looseObject({ id: v.string(), type: v.string(), source: v.string() });
