import { basename } from 'node:path';
import type { readVersions } from '../manifests/repository.ts';

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

/** The whole platform, in the order in which one part needs another. */
export function upSteps(options: ClusterOptions): Step[] {
  const { versions, profile, context } = options;
  const { kubectl, apply, available, established, release } = commands(options);
  const merge = (what: string, namespace: string, patch: object) =>
    `${kubectl} patch ${what} -n ${namespace} --type merge -p '${JSON.stringify(patch)}'`;
  const { strimzi = '', 'prometheus-operator': prometheus = '' } = versions.releases;
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
      title: 'Kourier behind the edge, not beside it',
      command: merge('service/kourier', 'kourier-system', { spec: { type: 'ClusterIP' } }),
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
    {
      title: 'the operator of Prometheus',
      command: `curl -fsSL ${prometheus}/bundle.yaml | sed 's/namespace: default/namespace: monitoring/' | ${apply('-')} && ${established}`,
    },
    {
      title: 'wait for it',
      command: `${kubectl} rollout status deployment/prometheus-operator -n monitoring --timeout=600s`,
    },
    {
      title: 'Strimzi',
      command: `curl -fsSL ${strimzi}/strimzi-cluster-operator-${basename(strimzi)}.yaml | sed 's/namespace: myproject/namespace: kafka/' | ${apply('-')} -n kafka`,
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
      command: `${kubectl} wait kafka/formbus kafkauser/formbus -n kafka --for=condition=Ready --timeout=900s`,
    },
    { title: 'topics', command: apply('knative/platform/kafka/topics/') },
    {
      title: 'wait for the topics',
      command: `${kubectl} wait kafkatopic --all -n kafka --for=condition=Ready --timeout=120s`,
    },
    { title: "Kafka's password and authority for the functions", command: copyKafkaSecret(kubectl) },
    { title: 'Knative and Kafka', command: release('eventing-kafka', 'eventing-kafka-controller.yaml') },
    { title: 'the Broker', command: release('eventing-kafka', 'eventing-kafka-broker.yaml') },
    { title: 'KafkaSources', command: release('eventing-kafka', 'eventing-kafka-source.yaml') },
    { title: 'KafkaSinks', command: release('eventing-kafka', 'eventing-kafka-sink.yaml') },
    { title: 'wait for them', command: available('knative-eventing') },
    ...['statefulset/redis', 'statefulset/sentinel', 'deployment/edge'].map((what) => ({
      title: `wait for ${what}`,
      command: `${kubectl} rollout status ${what} -n formbus --timeout=600s`,
    })),
    {
      title: 'wait for Prometheus',
      command: `${kubectl} wait prometheus/prometheus -n monitoring --for=condition=Available --timeout=600s`,
    },
    {
      title: 'wait for Grafana',
      command: `${kubectl} rollout status deployment/grafana -n monitoring --timeout=600s`,
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
  return [
    { title: 'nodes', command: `${kubectl} get nodes` },
    { title: 'Kafka', command: `${kubectl} get kafka,kafkanodepool,kafkatopic,kafkauser -n kafka` },
    { title: 'Redis and the edge', command: `${kubectl} get statefulset,deployment,pdb -n formbus` },
    {
      title: 'Prometheus and Grafana',
      command: `${kubectl} get prometheus,podmonitor,deployment -n monitoring`,
    },
    { title: 'functions', command: `${kubectl} get ksvc -n formbus` },
    { title: 'events', command: `${kubectl} get broker,trigger,kafkasource,kafkasink,pingsource -n formbus` },
    {
      title: 'pods that are not well',
      command: `${kubectl} get pods -A --field-selector=status.phase!=Running,status.phase!=Succeeded`,
    },
  ];
}

function commands({ versions, tool, context }: ClusterOptions) {
  const kubectl = `kubectl --context ${context ?? (tool === 'kind' ? `kind-${NAME}` : NAME)}`;
  // By the server: Strimzi's kinds are too long for the note that kubectl would keep on them.
  const apply = (file: string) => `${kubectl} apply --server-side --force-conflicts -f ${file}`;
  // Kinds are there a moment after they were taken; what comes next may need them.
  const established = `${kubectl} wait crd --all --for=condition=Established --timeout=60s`;
  return {
    kubectl,
    apply,
    established,
    available: (namespace: string) =>
      `${kubectl} wait deployment --all -n ${namespace} --for=condition=Available --timeout=600s`,
    release: (part: string, file: string) =>
      `${apply(`${versions.releases[part]}/${file}`)} && ${established}`,
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

const RANDOM = `"$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n')"`;

/** The idempotency secret is part of the ids of what was submitted, and Redis's password of its files: they stay as they are. */
function makeSecrets(kubectl: string): string {
  const literals = [
    `idempotency-secret=${RANDOM}`,
    `mail-secret=${RANDOM}`,
    `redis-password=${RANDOM}`,
    'google-credentials.json={}',
    // Nobody is there: the archive's events are tried again until the key is put right.
    'database-url="${DATABASE_URL:-postgres://database.invalid/formbus}"',
  ].map((literal) => `--from-literal=${literal}`);
  return `${kubectl} get secret formbus -n formbus -o name || ${kubectl} create secret generic formbus -n formbus ${literals.join(' ')}`;
}

function makePassword(kubectl: string): string {
  return `${kubectl} get secret grafana -n monitoring -o name || ${kubectl} create secret generic grafana -n monitoring --from-literal=admin-password=${RANDOM}`;
}

function setGoogleKey(kubectl: string, file: string): string {
  const quoted = `'${file.replaceAll("'", `'\\''`)}'`;
  return `key=$(base64 < ${quoted} | tr -d '\\n') && ${kubectl} patch secret formbus -n formbus --type merge -p '{"data":{"google-credentials.json":"'"$key"'"}}'`;
}

/** Strimzi makes them in Kafka's own namespace, under other names than Knative's; it renews its authority each year. */
function copyKafkaSecret(kubectl: string): string {
  const read = (secret: string, key: string) =>
    `$(${kubectl} get secret ${secret} -n kafka -o jsonpath='{.data.${key}}' | base64 -d)`;
  const literals = [
    'protocol=SASL_SSL',
    'sasl.mechanism=SCRAM-SHA-512',
    'user=formbus',
    'password="$password"',
    'ca.crt="$authority"',
  ].map((literal) => `--from-literal=${literal}`);
  return [
    `password=${read('formbus', 'password')} && authority=${read('formbus-cluster-ca-cert', 'ca\\.crt')}`,
    `test -n "$password" && test -n "$authority"`,
    `${kubectl} create secret generic formbus-kafka -n formbus ${literals.join(' ')} --dry-run=client -o yaml | ${kubectl} apply --server-side --force-conflicts -f -`,
  ].join(' && ');
}
