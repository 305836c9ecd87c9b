import * as v from 'valibot';
import { ApiError, type KubernetesApi } from '../api/api.ts';
import { Conditions } from '../api/pods.ts';
import { until, type SuiteFormbus, type SuiteResource } from './formbus.ts';

const Applied = v.object({
  metadata: v.object({ generation: v.optional(v.number(), 0) }),
  status: v.optional(v.object({ observedGeneration: v.optional(v.number(), 0), conditions: Conditions }), {
    observedGeneration: -1,
    conditions: [],
  }),
});

/** Applies resources on the server, and waits until their controllers report the new generation as ready. */
export async function applyAll(
  api: KubernetesApi,
  namespace: string,
  resources: SuiteResource[],
  pace: SuiteFormbus['pace'],
): Promise<void> {
  for (const resource of resources) {
    const path = pathOf(namespace, resource);
    await api.call(`${path}?fieldManager=formbus-suite&force=true`, { method: 'PATCH', body: resource });
    await until(pace, `${resource.kind} ${resource.metadata.name} is ready`, async () => {
      const { metadata, status } = await api.read(Applied, path);
      const ready = status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
      return ready && status.observedGeneration >= metadata.generation;
    });
  }
}

export async function removeAll(
  api: KubernetesApi,
  namespace: string,
  resources: SuiteResource[],
): Promise<void> {
  for (const resource of resources.toReversed())
    await api.call(pathOf(namespace, resource), { method: 'DELETE' }).catch((error: unknown) => {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
    });
}

function pathOf(namespace: string, { apiVersion, kind, metadata }: SuiteResource): string {
  return `/apis/${apiVersion}/namespaces/${namespace}/${kind.toLowerCase()}s/${metadata.name}`;
}
