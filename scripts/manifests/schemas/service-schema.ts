import * as v from 'valibot';
import { ownAnnotations } from '../annotations.ts';
import { keys, Name, NoKeys } from './metadata-schema.ts';

/**
 * `serving.knative.dev/v1` Service, as far as the one-machine runner honours it. Defaults are Knative's own
 * (config-defaults, config-autoscaler). A field that is not named here is refused.
 */
const wholeNumber = v.pipe(
  v.string('must be a number in quotes'),
  v.regex(/^\d+$/, 'must be a whole number in quotes'),
  v.transform(Number),
);

/** A Go duration of whole hours, minutes and seconds, in seconds. The autoscaler takes windows of 6 s to 1 h. */
const Window = v.pipe(
  v.string(),
  v.regex(/^(?=\d)(\d+h)?(\d+m)?(\d+s)?$/, 'must be a duration such as 30s or 1m30s'),
  v.transform((text) => {
    const part = (unit: string) => Number(new RegExp(`(\\d+)${unit}`).exec(text)?.[1] ?? 0);
    return part('h') * 3_600 + part('m') * 60 + part('s');
  }),
  v.minValue(6, 'must be 6s at least'),
  v.maxValue(3_600, 'must be 1h at most'),
);

const KeyRef = v.strictObject({
  name: v.string(),
  key: v.string(),
  optional: v.optional(v.boolean(), false),
});

/** What Knative sets itself or refuses. */
const RESERVED = ['PORT', 'K_SERVICE', 'K_CONFIGURATION', 'K_REVISION'];

const EnvEntry = v.strictObject({
  name: v.pipe(
    v.string(),
    v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is not the name of an environment variable'),
    v.check((name) => !RESERVED.includes(name), 'is set by Knative itself'),
  ),
  value: v.optional(
    v.pipe(
      v.string('must be text; put it in quotes'),
      v.check((value) => !value.includes('$('), 'must not refer to other variables with $(…)'),
    ),
  ),
  valueFrom: v.optional(
    v.pipe(
      v.strictObject({ configMapKeyRef: v.optional(KeyRef), secretKeyRef: v.optional(KeyRef) }),
      v.check((from) => Object.keys(from).length === 1, 'must have one of configMapKeyRef and secretKeyRef'),
    ),
  ),
});

/** Means something to a cluster only: where a process runs, what it may use, how it is watched. Not read here. */
const clusterOnly = v.optional(v.unknown());

const SecretVolume = v.strictObject({
  name: v.string(),
  secret: v.strictObject({
    secretName: v.string(),
    items: v.array(v.strictObject({ key: v.string(), path: v.string() })),
    defaultMode: clusterOnly,
    optional: v.optional(v.boolean(), false),
  }),
});

const Container = v.strictObject({
  name: v.optional(v.string()),
  image: v.string(),
  command: v.optional(v.array(v.string())),
  args: v.optional(v.array(v.string()), []),
  env: v.optional(v.array(EnvEntry), []),
  envFrom: v.optional(v.array(v.strictObject({ configMapRef: v.strictObject({ name: v.string() }) })), []),
  // h2c would need a gateway that speaks HTTP/2; the port itself is given by PORT.
  ports: v.optional(
    v.pipe(
      v.array(v.strictObject({ name: v.optional(v.literal('http1')), containerPort: v.number() })),
      v.maxLength(1, 'must be one'),
    ),
  ),
  imagePullPolicy: clusterOnly,
  livenessProbe: clusterOnly,
  readinessProbe: clusterOnly,
  startupProbe: clusterOnly,
  resources: clusterOnly,
  securityContext: clusterOnly,
  volumeMounts: clusterOnly,
});

const RevisionSpec = v.strictObject({
  containers: v.pipe(
    v.array(Container),
    v.length(1, 'must be exactly one: the runner starts one process per instance'),
  ),
  containerConcurrency: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000)), 0),
  timeoutSeconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(600)), 300),
  responseStartTimeoutSeconds: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(600))),
  volumes: v.optional(v.array(SecretVolume), []),
  affinity: clusterOnly,
  automountServiceAccountToken: clusterOnly,
  enableServiceLinks: clusterOnly,
  imagePullSecrets: clusterOnly,
  nodeSelector: clusterOnly,
  priorityClassName: clusterOnly,
  securityContext: clusterOnly,
  serviceAccountName: clusterOnly,
  tolerations: clusterOnly,
  topologySpreadConstraints: clusterOnly,
});

const AUTOSCALING = {
  'autoscaling.knative.dev/class': v.optional(v.literal('kpa.autoscaling.knative.dev')),
  'autoscaling.knative.dev/metric': v.optional(v.literal('concurrency')),
  'autoscaling.knative.dev/initial-scale': v.optional(
    v.literal('0', 'must be "0": the runner starts nothing ahead'),
  ),
  'autoscaling.knative.dev/min-scale': v.optional(wholeNumber, '0'),
  'autoscaling.knative.dev/max-scale': v.optional(wholeNumber, '0'),
  'autoscaling.knative.dev/target': v.optional(
    v.pipe(v.string('must be a number in quotes'), v.toNumber(), v.minValue(0.01)),
  ),
  'autoscaling.knative.dev/window': v.optional(Window, '60s'),
};

export const ServiceSchema = v.strictObject({
  apiVersion: v.literal('serving.knative.dev/v1'),
  kind: v.literal('Service'),
  metadata: v.strictObject({
    name: Name,
    annotations: v.optional(v.pipe(keys({}), ownAnnotations('Service')), {}),
    labels: v.optional(
      keys({ 'networking.knative.dev/visibility': v.optional(v.literal('cluster-local')) }),
      {},
    ),
  }),
  spec: v.strictObject({
    template: v.strictObject({
      metadata: v.optional(
        v.strictObject({ annotations: v.optional(keys(AUTOSCALING), {}), labels: NoKeys }),
        {},
      ),
      spec: RevisionSpec,
    }),
  }),
});
export type ServiceResource = v.InferOutput<typeof ServiceSchema>;
