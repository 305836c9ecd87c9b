import type { CloudEvent } from '../../events/cloud-event.ts';
import type { Answer } from '../../events/delivery-outcome.ts';
import type { Subscriber } from '../../manifests/types.ts';

/**
 * Delivers one HTTP request, a POST unless said otherwise, to a Knative Service by name or to a URI. Rejects on network failure; must
 * honour `signal`. Calls `progress` for each piece of the answer.
 */
export type Send = (
  to: Subscriber,
  request: { method?: string; headers: Record<string, string>; body: Buffer; progress?: () => void },
  signal: AbortSignal,
) => Promise<Answer>;

/** Hands a dead letter to the KafkaSink of that name; rejects when the sink did not take it. */
export type DeadLetterSink = (sink: string, letter: CloudEvent) => Promise<void>;
