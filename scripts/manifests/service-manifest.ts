import type { Report } from './report.ts';
import type { ConfigMap, EnvVar, Service } from './types.ts';
import type { ServiceResource } from './schemas/service-schema.ts';

interface Context {
  configMaps: ConfigMap[];
  refer: (file: string, path: string, kind: string, name: string) => void;
  report: Report;
}

/** What the runner needs of a Service; ConfigMaps are filled in, references that lead nowhere are reported. */
export function serviceOf(
  resource: ServiceResource & { file: string; name: string },
  context: Context,
): Service {
  const { file, name, metadata, spec } = resource;
  const { spec: revision, metadata: template } = spec.template;
  const annotations = template.annotations;
  const minScale = annotations['autoscaling.knative.dev/min-scale'];
  const maxScale = annotations['autoscaling.knative.dev/max-scale'];
  if (maxScale > 0 && minScale > maxScale) {
    context.report(
      file,
      'spec.template.metadata.annotations',
      `min-scale ${minScale} is above max-scale ${maxScale}`,
    );
  }
  for (const { secret } of revision.volumes) {
    for (const { key } of secret.items) {
      checkSecret(
        file,
        'spec.template.spec.volumes',
        { name: secret.secretName, key, optional: secret.optional },
        context,
      );
    }
  }
  const [container] = revision.containers;
  const concurrency = revision.containerConcurrency;
  const target = annotations['autoscaling.knative.dev/target'];
  return {
    name,
    file,
    clusterLocal: metadata.labels['networking.knative.dev/visibility'] === 'cluster-local',
    env: container ? environment(file, container, context) : [],
    containerConcurrency: concurrency,
    timeoutSeconds: Math.min(
      revision.timeoutSeconds,
      revision.responseStartTimeoutSeconds ?? DEFAULT_RESPONSE_START,
    ),
    minScale,
    maxScale,
    // A hard limit is the target where none is named, and its bound where one is.
    target: concurrency > 0 ? Math.min(target ?? concurrency, concurrency) : (target ?? DEFAULT_TARGET),
    windowSeconds: annotations['autoscaling.knative.dev/window'],
    image: container?.image ?? '',
    command: container?.command,
    args: container?.args ?? [],
  };
}

/** config-autoscaler: container-concurrency-target-default */
const DEFAULT_TARGET = 100;

/** config-defaults: revision-response-start-timeout-seconds. Functions answer all at once, so that it bounds the whole answer. */
const DEFAULT_RESPONSE_START = 300;

type Container = ServiceResource['spec']['template']['spec']['containers'][number];

function environment(file: string, container: Container, context: Context): EnvVar[] {
  const variables = new Map<string, EnvVar>();
  const path = 'spec.template.spec.containers.0';
  container.envFrom.forEach(({ configMapRef }, index) => {
    context.refer(file, `${path}.envFrom.${index}.configMapRef.name`, 'ConfigMap', configMapRef.name);
    const data = context.configMaps.find((map) => map.name === configMapRef.name)?.data ?? {};
    for (const [name, value] of Object.entries(data)) variables.set(name, { name, value });
  });
  container.env.forEach(({ name, value, valueFrom }, index) => {
    const at = `${path}.env.${index}.valueFrom`;
    if (valueFrom && value !== undefined) context.report(file, at, 'cannot be combined with a value');
    if (valueFrom?.secretKeyRef) {
      const { name: secret, key, optional } = valueFrom.secretKeyRef;
      checkSecret(file, `${at}.secretKeyRef`, valueFrom.secretKeyRef, context);
      variables.set(name, { name, secret, key, optional });
    } else if (valueFrom?.configMapKeyRef) {
      const { name: map, key, optional } = valueFrom.configMapKeyRef;
      const found = context.configMaps.find((configMap) => configMap.name === map)?.data[key];
      if (found !== undefined) variables.set(name, { name, value: found });
      else if (!optional)
        context.report(file, `${at}.configMapKeyRef`, `there is no ConfigMap "${map}" with a key "${key}"`);
    } else {
      variables.set(name, { name, value: value ?? '' });
    }
  });
  return [...variables.values()];
}

/**
 * Secrets are no part of the manifests: which keys an installation has to provide is said by the ConfigMap of the same name.
 * One without a ConfigMap, such as Kafka's, is made by the platform; what has no value here is found when it is looked up.
 */
function checkSecret(
  file: string,
  path: string,
  { name, key, optional }: { name: string; key: string; optional: boolean },
  { configMaps, report }: Context,
) {
  const declared = configMaps.find((map) => map.name === name)?.secretKeys;
  if (optional || !declared || declared.includes(key)) return;
  report(
    file,
    path,
    `Secret "${name}" has no key "${key}": add it to formbus.dev/secret-keys of ConfigMap "${name}"`,
  );
}
