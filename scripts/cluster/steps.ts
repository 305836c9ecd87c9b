import { basename } from 'node:path';
import type { readVersions } from '../manifests/rules/repository.ts';
import { copyKafkaSecret, makePassword, makeSecrets, setGoogleKey } from './secrets.ts';

/** One thing to be done, as a shell command that does nothing when it is done already. */
export interface Step {
  title: string;
  command: string;
}

export interface ClusterOptions {
  versions: ReturnType<typeof readVersions>;
  profile: 'dev' | 'prod';
  tool: 'kind' | 'minikube';
  /** A cluster that is there; without one the tool makes its own. */
  context?: string | undefined;
  /** The service account's key file; without one nothing reaches Google. */
  google?: string | undefined;
}

const NAME = 'formbus';
/** Services are called <name>.formbus.<this>; the edge says it, and nobody else has to know. */
const DOMAIN = 'formbus.internal';

/** TypeScript in a checkout, JavaScript in the package. */
const releaseScript = `scripts/cluster/release/release.${import.meta.filename.endsWith('.ts') ? 'ts' : 'js'}`;

/** The whole platform, in the order in which one part needs another. */
export function upSteps(options: ClusterOptions): Step[] {
  const { versions, profile, context } = options;
  const { kubectl, apply, available, rolledOut, release } = commands(options);
  const merge = (what: string, namespace: string, patch: object) =>
    `${kubectl} patch ${what} -n ${namespace} --type merge -p '${JSON.stringify(patch)}'`;
  const { strimzi = '' } = versions.releases;
  return [
    ...(context === undefined ? [{ title: 'a cluster of its own', command: create(options) }] : []),
    { title: 'namespaces', command: apply('knative/platform/namespaces/') },
    { title: 'Knative Serving: CRDs', command: release('serving', 'serving-crds.yaml') },
    { title: 'Knative Serving', command: release('serving', 'serving-core.yaml') },
    { title: 'Kourier', command: release('kourier', 'kourier.yaml') },
    { title: 'wait for Serving', command: available('knative-serving') },
    { title: 'wait for Kourier', command: available('kourier-system') },
    {
      title: 'Serving by way of Kourier',
      command: merge('configmap/config-network', 'knative-serving', {
        data: { 'ingress-class': 'kourier.ingress.networking.knative.dev' },
      }),
    },
    {
      title: `forms under ${DOMAIN}`,
      command: merge('configmap/config-domain', 'knative-serving', { data: { [DOMAIN]: '' } }),
    },
    {
      // Serving refuses `initial-scale: "0"` of a Service unless this is said.
      title: 'releases that start nothing',
      command: merge('configmap/config-autoscaler', 'knative-serving', {
        data: { 'allow-zero-initial-scale': 'true' },
      }),
    },
    {
      title: "Serving's figures for Prometheus",
      command: merge('configmap/config-observability', 'knative-serving', {
        data: { 'metrics-protocol': 'prometheus', 'request-metrics-protocol': 'prometheus' },
      }),
    },
    ...['activator', 'autoscaler'].map((part) => ({
      // They read it when they start; once this mark is there, they have.
      title: `a ${part} that has them`,
      command: merge(`deployment/${part}`, 'knative-serving', {
        spec: { template: { metadata: { annotations: { 'formbus.dev/metrics': 'prometheus' } } } },
      }),
    })),
    { title: 'Knative Eventing: CRDs', command: release('eventing', 'eventing-crds.yaml') },
    { title: 'Knative Eventing', command: release('eventing', 'eventing-core.yaml') },
    { title: 'wait for Eventing', command: available('knative-eventing') },
    {
      title: "Eventing's figures for Prometheus",
      command: merge('configmap/config-observability', 'knative-eventing', {
        data: { 'metrics-protocol': 'prometheus' },
      }),
    },
    { title: 'the operator of Prometheus', command: release('prometheus-operator', 'bundle.yaml') },
    {
      title: 'wait for it',
      command: rolledOut('deployment/prometheus-operator', 'monitoring'),
    },
    {
      title: 'Strimzi',
      command: release('strimzi', `strimzi-cluster-operator-${basename(strimzi)}.yaml`, 'kafka'),
    },
    { title: 'wait for Strimzi', command: available('kafka') },
    { title: 'secrets, made once', command: makeSecrets(kubectl) },
    { title: "Grafana's password, made once", command: makePassword(kubectl) },
    ...(options.google === undefined
      ? []
      : [{ title: "Google's key", command: setGoogleKey(kubectl, options.google) }]),
    {
      title: `Kafka, Redis, Sentinel, the edge, Prometheus, Grafana: ${profile}`,
      command: `${kubectl} apply --server-side --force-conflicts -k knative/environments/${profile}`,
    },
    {
      title: 'wait for Kafka',
      command: `${kubectl} wait kafka/formbus kafkauser/formbus kafkauser/formbus-forms -n kafka --for=condition=Ready --timeout=900s`,
    },
    { title: 'topics', command: apply('knative/platform/kafka/topics/') },
    {
      title: 'wait for the topics',
      command: `${kubectl} wait kafkatopic --all -n kafka --for=condition=Ready --timeout=120s`,
    },
    { title: "Kafka's password and authority for the functions", command: copyKafkaSecret(kubectl) },
    { title: 'Knative and Kafka', command: release('eventing-kafka', 'eventing-kafka-controller.yaml') },
    // Its webhook has to pass each pod of a dispatcher; one that it refuses is tried again after minutes only.
    ...['kafka-controller', 'kafka-webhook-eventing'].map((part) => ({
      title: `wait for ${part}`,
      command: rolledOut(`deployment/${part}`, 'knative-eventing'),
    })),
    { title: 'the Broker', command: release('eventing-kafka', 'eventing-kafka-broker.yaml') },
    { title: 'KafkaSources', command: release('eventing-kafka', 'eventing-kafka-source.yaml') },
    { title: 'KafkaSinks', command: release('eventing-kafka', 'eventing-kafka-sink.yaml') },
    { title: 'wait for them', command: available('knative-eventing') },
    // They deliver. Without Triggers and sources they are to have no pod, and that is said to be there.
    ...['broker', 'source'].map((part) => ({
      title: `wait for the dispatcher of the ${part}`,
      command: rolledOut(`statefulset/kafka-${part}-dispatcher`, 'knative-eventing'),
    })),
    ...['statefulset/redis', 'statefulset/sentinel', 'deployment/edge'].map((what) => ({
      title: `wait for ${what}`,
      command: rolledOut(what, 'formbus'),
    })),
    {
      title: 'wait for Prometheus',
      command: `${kubectl} wait prometheus/prometheus -n monitoring --for=condition=Available --timeout=600s`,
    },
    {
      title: 'wait for Grafana',
      command: rolledOut('deployment/grafana', 'monitoring'),
    },
  ];
}

/** Only what `up` has made is taken away, its data included. */
export function downSteps({ tool }: ClusterOptions): Step[] {
  const command = tool === 'kind' ? `kind delete cluster --name ${NAME}` : `minikube delete -p ${NAME}`;
  return [{ title: 'the cluster and all that is in it', command }];
}

export function statusSteps(options: ClusterOptions): Step[] {
  const { kubectl } = commands(options);
  // A Revision's own are Knative's matter: an idle function has none.
  const ours = `-A -l '!serving.knative.dev/revision'`;
  return [
    { title: 'nodes', command: `${kubectl} get nodes` },
    { title: 'what runs', command: `${kubectl} get deployment,statefulset ${ours}` },
    { title: 'Kafka', command: `${kubectl} get kafka,kafkanodepool,kafkatopic,kafkauser -n kafka` },
    { title: 'Prometheus', command: `${kubectl} get prometheus,podmonitor -n monitoring` },
    { title: 'functions', command: `${kubectl} get ksvc -n formbus` },
    { title: 'events', command: `${kubectl} get broker,trigger,kafkasource,kafkasink,pingsource -n formbus` },
    {
      // A pod that crashes again and again is "Running", and one that a webhook refuses is none: what counts is how many are ready.
      title: 'what is not ready',
      command: [
        `{ ${kubectl} get deployment,statefulset ${ours} --no-headers`,
        `${kubectl} get pods -A --no-headers; } | awk '$4 != "Completed" && split($3, n, "/") == 2 && n[1] != n[2]'`,
      ].join('; '),
    },
  ];
}

/** The cluster's name for kubectl. */
export function contextOf({ tool, context }: ClusterOptions): string {
  return context ?? (tool === 'kind' ? `kind-${NAME}` : NAME);
}

function commands(options: ClusterOptions) {
  const { versions, profile } = options;
  const name = contextOf(options);
  const kubectl = `kubectl --context ${name}`;
  // By the server: Strimzi's kinds are too long for the note that kubectl would keep on them.
  const apply = (file: string) => `${kubectl} apply --server-side --force-conflicts -f ${file}`;
  return {
    kubectl,
    apply,
    available: (namespace: string) =>
      `${kubectl} wait deployment --all -n ${namespace} --for=condition=Available --timeout=600s`,
    rolledOut: (what: string, namespace: string) =>
      `${kubectl} rollout status ${what} -n ${namespace} --timeout=600s`,
    release(part: string, file: string, namespace?: string) {
      const where = namespace === undefined ? '' : ` --namespace ${namespace}`;
      const options = `--profile ${profile} --context ${name}${where}`;
      return `node ${releaseScript} ${versions.releases[part]}/${file} ${options}`;
    },
  };
}

function create({ tool, versions }: ClusterOptions): string {
  if (tool === 'kind') {
    const make = `kind create cluster --name ${NAME} --image ${versions.kubernetes} --wait 300s`;
    return `kind get clusters | grep -qx ${NAME} || ${make}`;
  }
  const version = /:(v[^@]+)/.exec(versions.kubernetes)?.[1];
  return `minikube status -p ${NAME} >/dev/null || minikube start -p ${NAME} --kubernetes-version ${version} --cpus 8 --memory 12g`;
}
