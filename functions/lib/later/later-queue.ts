import { laterEnv, openLater } from './later.ts';

/**
 * A durable queue in Redis of events that will be retried. A task that throws `TryLater` names it, so that no other task loads Redis.
 *
 * @example
 * ```ts
 * later: { queue: laterQueue, options: () => ({ pauses: inTurn(5_000, 300_000, 1_800_000), atOnce: 2 }) },
 * ```
 */
export const laterQueue = { env: laterEnv, open: openLater };

/**
 * The type of `laterQueue`, for code that receives it.
 *
 * @example
 * ```ts
 * const setup = (queue: LaterQueue) => ({ queue, options: () => ({ pauses: inTurn(60_000) }) });
 * ```
 */
export type LaterQueue = typeof laterQueue;
