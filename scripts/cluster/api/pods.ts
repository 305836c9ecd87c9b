import * as v from 'valibot';

/** What this project reads of a resource's metadata. */
export const Meta = v.object({
  name: v.string(),
  uid: v.optional(v.string(), ''),
  labels: v.optional(v.record(v.string(), v.string()), {}),
  deletionTimestamp: v.optional(v.string()),
});

export const Conditions = v.optional(v.array(v.object({ type: v.string(), status: v.string() })), []);

/** A list of pods. */
export const Pods = v.object({
  items: v.array(v.object({ metadata: Meta, status: v.optional(v.object({ conditions: Conditions }), {}) })),
});
export type Pod = v.InferOutput<typeof Pods>['items'][number];

/** Its value is the name of the Knative Service that a pod or a Revision belongs to. */
export const serviceLabel = 'serving.knative.dev/service';

/** Takes requests, and will go on to. */
export function isReady({ metadata, status }: Pod): boolean {
  const ready = status.conditions.some((one) => one.type === 'Ready' && one.status === 'True');
  return ready && metadata.deletionTimestamp === undefined;
}
