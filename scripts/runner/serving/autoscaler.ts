import { availableParallelism } from 'node:os';
import type { Service } from '../../manifests/types.ts';
import { slidingMax } from './sliding-max.ts';

export type Scale = Pick<
  Service,
  'containerConcurrency' | 'minScale' | 'maxScale' | 'target' | 'windowSeconds'
>;

/** What a Service has to do and what it has for that. */
export interface Load {
  /** Requests at instances that take more, and requests that wait. */
  demand: number;
  /** Instances that take requests. */
  ready: number;
  starting: number;
}

export interface Decision {
  /** Instances to start. */
  start: number;
  /** Instances that the whole window did not need. */
  surplus: number;
  /** When to decide again although the load has not changed. */
  reviewAt: number | undefined;
}

/** Where the manifest sets no upper bound: more processes than this do not help on one machine. */
const MAX_INSTANCES = 50;
/** A start keeps a core busy. What waits may be served by the first ones before more are up. */
const MAX_STARTING = Math.max(2, availableParallelism());

/**
 * How many instances a Service should have: requests in flight and waiting, divided by the target, within min and max scale. More are started
 * at once, as many as there are cores, then the others if they are still wanted; fewer are kept only when the whole window needed no
 * more. Scaling to zero follows the window alone: Knative's 30 s of grace on top of it are for its network to be reprogrammed.
 * Knows no clock and starts nothing: `now` are milliseconds that go up.
 */
export function openAutoscaler(
  { containerConcurrency, minScale, maxScale, target: aim, windowSeconds }: Scale,
  maxStarting = MAX_STARTING,
) {
  /** Requests that an instance may have at once. */
  const hardLimit = containerConcurrency || Infinity;
  /** Requests that an instance is meant to have at once. */
  const target = Math.min(aim, hardLimit);
  const most = maxScale || Math.max(MAX_INSTANCES, minScale);
  const window = slidingMax(windowSeconds * 1000);
  return {
    target,
    hardLimit,
    decide({ demand, ready, starting }: Load, now: number): Decision {
      const wanted = Math.min(most, Math.max(minScale, Math.ceil(demand / target)));
      window.set(wanted, now);
      return {
        start: Math.max(0, Math.min(wanted - ready, maxStarting) - starting),
        surplus: Math.max(0, ready - window.max(now)),
        reviewAt: window.nextChange(now),
      };
    },
    /** The most that was wanted within the window. */
    wanted: (now: number) => window.max(now),
  };
}
