import { parse } from 'tinyduration';
import * as v from 'valibot';

/** How the events of a Trigger or KafkaSource are retried. Durations in milliseconds; without a `deadLetterTopic` what fails is dropped. */
export interface Delivery {
  retry: number;
  backoffPolicy: 'linear' | 'exponential';
  backoffDelayMs: number;
  timeoutMs: number;
  deadLetterTopic: string | undefined;
  /** Name of the KafkaSink that writes to that topic. */
  deadLetterSink: string | undefined;
}

/** An ISO 8601 duration without years and months, whose length would depend on the day. Returns milliseconds. */
const Duration = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    try {
      const { negative, years, months, ...rest } = parse(dataset.value);
      if (negative || years || months) throw new Error('of no fixed length');
      const { weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0 } = rest;
      return Math.round(((((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000);
    } catch {
      addIssue({ message: `"${dataset.value}" is not a duration such as PT1S, PT1M30S or P1D` });
      return NEVER;
    }
  }),
);

const SinkRef = v.strictObject({
  apiVersion: v.literal('eventing.knative.dev/v1alpha1'),
  kind: v.literal('KafkaSink'),
  name: v.string(),
});

/**
 * `spec.delivery` of a Trigger, Broker or KafkaSource. What is left out has the default of the Kafka Broker's data plane
 * (`WebClientCloudEventSender`, `coreconfig.BackoffPolicyFromString`): no retry, exponential from 1 s, a time-out of 10 minutes.
 */
export const DeliverySchema = v.strictObject({
  retry: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
  backoffPolicy: v.optional(v.picklist(['linear', 'exponential']), 'exponential'),
  backoffDelay: v.optional(Duration, 'PT1S'),
  timeout: v.optional(Duration, 'PT10M'),
  deadLetterSink: v.optional(v.strictObject({ ref: SinkRef })),
});

/** How long to wait before the n-th retry (n from 1), as the Kafka dispatcher's `computeRetryPolicy` has it: no jitter, no cap. */
export function backoffMs({ backoffPolicy, backoffDelayMs }: Delivery, retry: number): number {
  const wait = backoffDelayMs * (backoffPolicy === 'linear' ? retry : 2 ** retry);
  return Math.min(wait, Number.MAX_SAFE_INTEGER / 2);
}
