import * as v from 'valibot';
import type { KubernetesApi } from './api.ts';
import { Meta } from './pods.ts';

const Reason = v.object({
  reason: v.optional(v.string(), ''),
  message: v.optional(v.string(), ''),
  exitCode: v.optional(v.number()),
});
const State = v.optional(v.object({ waiting: v.optional(Reason), terminated: v.optional(Reason) }), {});
const Pods = v.object({
  items: v.array(
    v.object({
      metadata: Meta,
      status: v.optional(
        v.object({
          conditions: v.optional(
            v.array(v.object({ type: v.string(), status: v.string(), message: v.optional(v.string(), '') })),
            [],
          ),
          containerStatuses: v.optional(
            v.array(v.object({ name: v.string(), state: State, lastState: State })),
            [],
          ),
        }),
        {},
      ),
    }),
  ),
});
type Container = NonNullable<
  v.InferOutput<typeof Pods>['items'][number]['status']
>['containerStatuses'][number];

/** Reasons for which a container waits during a normal start. */
const normal = ['ContainerCreating', 'PodInitializing'];

/** Why pods do not run, as Kubernetes and the program report it. `isFinal`: waiting does not help. */
export async function troubleOf(
  api: KubernetesApi,
  { namespace, selector }: { namespace: string; selector: string },
): Promise<{ reason: string; isFinal: boolean } | undefined> {
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const { items } = await api.read(Pods, `${pods}?labelSelector=${encodeURIComponent(selector)}`);
  for (const { metadata, status } of items) {
    for (const container of status.containerStatuses) {
      const reason = reasonOf(container);
      if (reason === undefined) continue;
      const path = `${pods}/${metadata.name}/log?container=${container.name}&tailLines=3`;
      const log = await api
        .call(hasEnded(container) ? `${path}&previous=true` : path)
        .catch(() => Buffer.alloc(0));
      return { reason: [reason, log.toString().trim()].filter(Boolean).join('\n  '), isFinal: true };
    }
    const place = status.conditions.find(({ type }) => type === 'PodScheduled');
    if (place?.status === 'False') return { reason: place.message, isFinal: false };
  }
  return undefined;
}

function reasonOf({ name, state, lastState }: Container): string | undefined {
  const ended = state.terminated ?? lastState.terminated;
  if (ended) return `${name} exited with ${ended.exitCode ?? '?'} (${ended.reason})`;
  const { waiting } = state;
  if (!waiting || normal.includes(waiting.reason)) return undefined;
  return `${name}: ${waiting.reason} ${waiting.message}`.trim();
}

function hasEnded({ lastState }: Container): boolean {
  return lastState.terminated !== undefined;
}
