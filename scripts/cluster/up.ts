import { basename } from 'node:path';
import { create, forCluster, type ClusterOptions, type Step } from './step.ts';
import { copyKafkaSecret, makePassword, makeSecrets, setGoogleKey } from './secrets.ts';

/** The domain of Knative's Services. Only the edge uses it, inside the cluster. */
const DOMAIN = 'formbus.internal';

/** Installs the whole platform; a part comes after the parts that it needs. */
export function upSteps(options: ClusterOptions): Step[] {
  return [
    ...(options.context === undefined ? [{ title: 'create the cluster', command: create(options) }] : []),
    {
      title: 'namespaces',
      command: forCluster(options).applyFolder('knative/platform/namespaces'),
    },
    ...servingSteps(options),
    ...eventingSteps(options),
    ...operatorSteps(options),
    ...platformSteps(options),
    ...kafkaEventingSteps(options),
    ...waitSteps(options),
  ];
}

function servingSteps(options: ClusterOptions): Step[] {
  const { release, available, merge } = forCluster(options);
  return [
    { title: 'Knative Serving: CRDs', command: release('serving', 'serving-crds.yaml') },
    { title: 'Knative Serving', command: release('serving', 'serving-core.yaml') },
    { title: 'Kourier', command: release('kourier', 'kourier.yaml') },
    { title: 'wait for Serving', command: available('knative-serving') },
    { title: 'wait for Kourier', command: available('kourier-system') },
    {
      title: 'Serving: use Kourier',
      command: merge('configmap/config-network', 'knative-serving', {
        data: { 'ingress-class': 'kourier.ingress.networking.knative.dev' },
      }),
    },
    {
      title: `Serving: forms under ${DOMAIN}`,
      command: merge('configmap/config-domain', 'knative-serving', { data: { [DOMAIN]: '' } }),
    },
    {
      // Without it, Serving refuses a Service with `initial-scale: "0"`.
      title: 'Serving: allow releases that start no instance',
      command: merge('configmap/config-autoscaler', 'knative-serving', {
        data: { 'allow-zero-initial-scale': 'true' },
      }),
    },
    {
      title: 'Serving: metrics for Prometheus',
      command: merge('configmap/config-observability', 'knative-serving', {
        data: { 'metrics-protocol': 'prometheus', 'request-metrics-protocol': 'prometheus' },
      }),
    },
    ...['activator', 'autoscaler'].map((part) => ({
      // Both read the setting at start-up only; the annotation restarts them once.
      title: `Serving: metrics of the ${part}`,
      command: merge(`deployment/${part}`, 'knative-serving', {
        spec: { template: { metadata: { annotations: { 'formbus.dev/metrics': 'prometheus' } } } },
      }),
    })),
  ];
}

function eventingSteps(options: ClusterOptions): Step[] {
  const { release, available, merge } = forCluster(options);
  return [
    { title: 'Knative Eventing: CRDs', command: release('eventing', 'eventing-crds.yaml') },
    { title: 'Knative Eventing', command: release('eventing', 'eventing-core.yaml') },
    { title: 'wait for Eventing', command: available('knative-eventing') },
    {
      title: 'Eventing: metrics for Prometheus',
      command: merge('configmap/config-observability', 'knative-eventing', {
        data: { 'metrics-protocol': 'prometheus' },
      }),
    },
  ];
}

function operatorSteps(options: ClusterOptions): Step[] {
  const { release, available, rolledOut } = forCluster(options);
  const { strimzi = '' } = options.versions.releases;
  return [
    { title: 'Prometheus operator', command: release('prometheus-operator', 'bundle.yaml') },
    {
      title: 'wait for the Prometheus operator',
      command: rolledOut('deployment/prometheus-operator', 'monitoring'),
    },
    {
      title: 'Strimzi',
      command: release('strimzi', `strimzi-cluster-operator-${basename(strimzi)}.yaml`, 'kafka'),
    },
    { title: 'wait for Strimzi', command: available('kafka') },
  ];
}

function platformSteps(options: ClusterOptions): Step[] {
  const { kubectl, applyFolder } = forCluster(options);
  return [
    { title: 'secrets, unless they exist', command: makeSecrets(kubectl) },
    { title: "Grafana's password, unless it exists", command: makePassword(kubectl) },
    ...(options.google === undefined
      ? []
      : [{ title: "Google's key", command: setGoogleKey(kubectl, options.google) }]),
    {
      title: `Kafka, Redis, Sentinel, the edge, Prometheus, Grafana: ${options.overlay}`,
      command: applyFolder(options.overlay),
    },
    {
      title: 'wait for Kafka',
      command: `${kubectl} wait kafka/formbus kafkauser/formbus kafkauser/formbus-forms -n kafka --for=condition=Ready --timeout=900s`,
    },
    {
      title: 'wait for the topics',
      command: `${kubectl} wait kafkatopic --all -n kafka --for=condition=Ready --timeout=120s`,
    },
    { title: "Kafka's password and authority for the functions", command: copyKafkaSecret(kubectl) },
  ];
}

function kafkaEventingSteps(options: ClusterOptions): Step[] {
  const { release, available, rolledOut } = forCluster(options);
  return [
    { title: 'Knative for Kafka', command: release('eventing-kafka', 'eventing-kafka-controller.yaml') },
    // The webhook admits each pod of a dispatcher; a pod that it refuses is tried again only after minutes.
    ...['kafka-controller', 'kafka-webhook-eventing'].map((part) => ({
      title: `wait for ${part}`,
      command: rolledOut(`deployment/${part}`, 'knative-eventing'),
    })),
    { title: 'Broker', command: release('eventing-kafka', 'eventing-kafka-broker.yaml') },
    { title: 'KafkaSources', command: release('eventing-kafka', 'eventing-kafka-source.yaml') },
    { title: 'KafkaSinks', command: release('eventing-kafka', 'eventing-kafka-sink.yaml') },
    { title: 'wait for Broker, sources and sinks', command: available('knative-eventing') },
    // Without Triggers and sources a dispatcher has no pods, and that counts as rolled out.
    ...['broker', 'source'].map((part) => ({
      title: `wait for the dispatcher of the ${part}`,
      command: rolledOut(`statefulset/kafka-${part}-dispatcher`, 'knative-eventing'),
    })),
  ];
}

function waitSteps(options: ClusterOptions): Step[] {
  const { kubectl, rolledOut } = forCluster(options);
  return [
    ...['statefulset/redis', 'statefulset/sentinel', 'deployment/edge'].map((what) => ({
      title: `wait for ${what}`,
      command: rolledOut(what, 'formbus'),
    })),
    {
      title: 'wait for Prometheus',
      command: `${kubectl} wait prometheus/prometheus -n monitoring --for=condition=Available --timeout=600s`,
    },
    { title: 'wait for Grafana', command: rolledOut('deployment/grafana', 'monitoring') },
  ];
}
