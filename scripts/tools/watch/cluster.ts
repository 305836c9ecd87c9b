import * as v from 'valibot';
import { ApiError, type KubernetesApi } from '../../cluster/api/api.ts';
import { isReady, Meta, Pods, serviceLabel, type Pod } from '../../cluster/api/pods.ts';
import { readQueueStats, statsType, type QueueStats } from './queue-stats.ts';
import { inOrder, type ServiceState, type Source } from './source.ts';

const Services = v.object({ items: v.array(v.object({ metadata: Meta })) });
/** Knative leaves out the count of a Revision that has never started. */
const Revisions = v.object({
  items: v.array(
    v.object({
      metadata: Meta,
      status: v.optional(v.object({ desiredReplicas: v.optional(v.number()) }), {}),
    }),
  ),
});
const visibility = 'networking.knative.dev/visibility';

/**
 * The Knative Services of a namespace. Its pods are the instances, each Revision says how many it wants, and every ready pod's
 * queue-proxy reports its requests, through the API server. Without the right to ask it, requests are unknown.
 */
export function watchCluster(api: KubernetesApi, namespace: string): Source {
  const serving = `/apis/serving.knative.dev/v1/namespaces/${namespace}`;
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  let seen: Set<string> | undefined;
  const coldStarts = new Map<string, number>();

  async function statsOf({ metadata }: Pod, signal: AbortSignal): Promise<QueueStats | undefined> {
    const path = `${pods}/${metadata.name}:9090/proxy/metrics`;
    try {
      return readQueueStats(await api.call(path, { accept: statsType, signal }));
    } catch {
      return undefined;
    }
  }

  return {
    name: `namespace ${namespace} of ${api.context}`,
    async read(signal) {
      const [services, revisions, all] = await Promise.all([
        api.read(Services, `${serving}/services`, signal).catch(explain),
        api.read(Revisions, `${serving}/revisions`, signal).catch(explain),
        api.read(Pods, `${pods}?labelSelector=${encodeURIComponent(serviceLabel)}`, signal),
      ]);
      if (services.items.length === 0)
        throw new Error(
          `there are no Knative Services in namespace ${namespace} of ${api.context}; deploy Formbus (skaffold run), or choose another with --namespace`,
        );
      const ready = all.items.filter(isReady);
      const stats = new Map(
        await Promise.all(ready.map(async (pod) => [pod, await statsOf(pod, signal)] as const)),
      );
      const known = seen;
      const states = services.items.map(({ metadata: { name, labels } }): ServiceState => {
        const own = ready.filter((pod) => pod.metadata.labels[serviceLabel] === name);
        const wanted = revisions.items
          .filter(({ metadata }) => metadata.labels[serviceLabel] === name)
          .map(({ status }) => status.desiredReplicas ?? 0);
        const fresh = known ? own.filter(({ metadata }) => !known.has(metadata.uid)).length : 0;
        coldStarts.set(name, (coldStarts.get(name) ?? 0) + fresh);
        const figures = own.map((pod) => stats.get(pod));
        return {
          name,
          kind: labels[visibility] === 'cluster-local' ? 'task' : 'form',
          ready: own.length,
          wanted: wanted.length > 0 ? sum(wanted) : undefined,
          concurrency: sumOf(figures, 'concurrency'),
          perSecond: sumOf(figures, 'perSecond'),
          coldStarts: coldStarts.get(name) ?? 0,
        };
      });
      // A pod that is not ready for a moment is not a new one.
      const kept = all.items.filter((pod) => ready.includes(pod) || known?.has(pod.metadata.uid));
      seen = new Set(kept.map(({ metadata }) => metadata.uid));
      return inOrder(states);
    },
  };
}

/** Unknown when one of the figures is unknown. */
function sumOf(figures: (QueueStats | undefined)[], what: keyof QueueStats): number | undefined {
  const known = figures.flatMap((one) => (one ? [one[what]] : []));
  return known.length < figures.length ? undefined : sum(known);
}

const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);

function explain(error: unknown): never {
  if (error instanceof ApiError && error.status === 404)
    throw new Error('this cluster has no Knative Serving; npm run cluster -- up installs it', {
      cause: error,
    });
  throw error;
}
