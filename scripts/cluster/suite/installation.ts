import * as v from 'valibot';
import { ApiError, type KubernetesApi } from '../api/api.ts';

const Secret = v.object({ data: v.optional(v.record(v.string(), v.string()), {}) });
const ConfigMap = Secret;
const Condition = v.object({ type: v.string(), status: v.string(), message: v.optional(v.string(), '') });
const Resource = v.object({
  status: v.optional(v.object({ conditions: v.optional(v.array(Condition), []) }), {}),
});
const Service = v.object({
  ...Resource.entries,
  spec: v.object({
    template: v.object({ spec: v.object({ containers: v.array(v.object({ image: v.string() })) }) }),
  }),
});

/** The facts that the suite needs about an installed Formbus. */
export interface Installation {
  image: string;
  /** The domain of Knative's external names. */
  domain: string;
  /** The ConfigMap formbus. */
  settings: Record<string, string>;
  secret: v.InferOutput<typeof Secret>;
  kafka: v.InferOutput<typeof Secret>;
}

/** Checks that everything the cases need is ready. @throws Error that names what is not, and what to do */
export async function inspect(api: KubernetesApi, namespace: string): Promise<Installation> {
  const where = `namespace ${namespace} of ${api.context}`;
  const read = <S extends v.GenericSchema>(schema: S, path: string, what: string) =>
    api.read(schema, path).catch((cause: unknown) => {
      if (!(cause instanceof ApiError && cause.status === 404)) throw cause;
      throw new Error(
        `there is no Formbus in ${where}: ${what} is missing; npm run cluster -- up, then skaffold run`,
        { cause },
      );
    });
  const core = `/api/v1/namespaces/${namespace}`;
  const serving = `/apis/serving.knative.dev/v1/namespaces/${namespace}/services`;
  const eventing = `/apis/eventing.knative.dev/v1/namespaces/${namespace}`;
  const services = ['demo-form', 'demo-task', 'sheets-buffer', 'sheets-flush'];
  const [task, ...others] = await Promise.all([
    read(Service, `${serving}/demo-task`, 'the Service demo-task'),
    ...services.map((name) => read(Resource, `${serving}/${name}`, `the Service ${name}`)),
    read(Resource, `${eventing}/brokers/formbus`, 'the Broker formbus'),
    read(Resource, `${eventing}/triggers/demo-task`, 'the Trigger demo-task'),
  ]);
  const names = [...services.map((name) => `Service ${name}`), 'Broker formbus', 'Trigger demo-task'];
  for (const [index, { status }] of others.entries()) {
    const ready = status.conditions.find(({ type }) => type === 'Ready');
    if (ready?.status !== 'True')
      throw new Error(
        `${names[index]} in ${where} is not ready${ready?.message ? `: ${ready.message}` : ''}; see npm run cluster -- status`,
      );
  }
  const [config, secret, kafka, domains] = await Promise.all([
    read(ConfigMap, `${core}/configmaps/formbus`, 'the ConfigMap formbus'),
    read(Secret, `${core}/secrets/formbus`, 'the Secret formbus'),
    read(Secret, `${core}/secrets/formbus-kafka`, 'the Secret formbus-kafka'),
    read(ConfigMap, '/api/v1/namespaces/knative-serving/configmaps/config-domain', "Knative's config-domain"),
  ]);
  const [domain = ''] = Object.keys(domains.data).filter((key) => !key.startsWith('_'));
  const image = task.spec.template.spec.containers[0]?.image ?? '';
  return { image, domain, settings: config.data, secret, kafka };
}

/** A Secret's value; undefined when it has no such key. */
export function valueOf({ data }: v.InferOutput<typeof Secret>, key: string): string | undefined {
  const value = data[key];
  return value === undefined ? undefined : Buffer.from(value, 'base64').toString();
}
