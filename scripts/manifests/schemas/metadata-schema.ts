import * as v from 'valibot';
import { ownAnnotations } from '../annotations.ts';

/** Labels or annotations: those of Knative's that are not in `known` are refused, those of other tools are theirs. */
export function keys<const E extends v.ObjectEntries>(known: E) {
  return v.pipe(
    v.looseObject(known),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      for (const [key, value] of Object.entries(dataset.value)) {
        if (!/\bknative\.dev\//.test(key) || key in known) continue;
        addIssue({
          message: 'is not supported here',
          path: [{ type: 'object', origin: 'key', input: dataset.value, key, value }],
        });
      }
    }),
  );
}

export const Name = v.pipe(
  v.string(),
  v.regex(/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/, 'is not a Kubernetes name'),
);

export const NoKeys = v.optional(keys({}), {});

/** `metadata` of a resource that the runner runs. It has one namespace, so none is named. */
export const metadataOf = (kind: string) =>
  v.strictObject({
    name: Name,
    annotations: v.optional(v.pipe(keys({}), ownAnnotations(kind)), {}),
    labels: NoKeys,
  });
