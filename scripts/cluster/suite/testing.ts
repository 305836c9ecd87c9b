import type { KubernetesObject } from '@kubernetes/client-node';
import type { FakeApi } from '../api/fake-api.ts';

export const core = '/api/v1/namespaces/formbus';
export const serving = '/apis/serving.knative.dev/v1/namespaces/formbus/services';
export const eventing = '/apis/eventing.knative.dev/v1/namespaces/formbus';
/** Strimzi's names; its certificates contain both. */
export const [broker, bootstrap] = [
  'formbus-nodes-0.formbus-kafka-brokers.kafka.svc',
  'formbus-kafka-bootstrap.kafka',
];
export const ready = { status: { conditions: [{ type: 'Ready', status: 'True' }] } };

/** The resources of an installation, as far as the suite reads them. */
export function install({ objects }: FakeApi) {
  const spec = { template: { spec: { containers: [{ image: 'dev.local/formbus:abc' }] } } };
  const data = (values: Record<string, string>) => ({
    data: Object.fromEntries(
      Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    ),
  });
  for (const name of ['demo-form', 'demo-task', 'sheets-buffer', 'sheets-flush'])
    put(objects, `${serving}/${name}`, { spec, ...ready });
  put(objects, `${eventing}/brokers/formbus`, ready);
  put(objects, `${eventing}/triggers/demo-task`, ready);
  put(objects, `${core}/configmaps/formbus`, {
    data: { KAFKA_BROKERS: `${bootstrap}:9093`, KAFKA_TOPIC: 'form-submissions' },
  });
  put(objects, `${core}/secrets/formbus`, data({ 'redis-password': 'a' }));
  put(objects, '/api/v1/namespaces/knative-serving/configmaps/config-domain', {
    data: { _example: '', 'formbus.internal': '' },
  });
  return {
    kafkaSecret: (values: Record<string, string>) =>
      put(objects, `${core}/secrets/formbus-kafka`, data(values)),
  };
}

/** Adds a resource, by its path. */
export function put(
  objects: FakeApi['objects'],
  path: string,
  content: object,
  labels: Record<string, string> = {},
) {
  const name = path.split('/').at(-1) ?? '';
  const object: KubernetesObject = { ...content, metadata: { name, uid: `uid-${name}`, labels } };
  objects.set(path, object);
}
