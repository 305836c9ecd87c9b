import * as v from 'valibot';

/** The metadata that this project reads of a resource. */
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

/** The label with the Knative Service of a pod or a Revision. */
export const serviceLabel = 'serving.knative.dev/service';

/** Ready, and not about to end. */
export function isReady({ metadata, status }: Pod): boolean {
  const ready = status.conditions.some((one) => one.type === 'Ready' && one.status === 'True');
  return ready && metadata.deletionTimestamp === undefined;
}
