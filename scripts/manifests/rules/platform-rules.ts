import { isDeepStrictEqual } from 'node:util';
import { at, ofKind, type Repository, type Rule } from './repository.ts';

/** An acknowledgement of Kafka means what the documents say: two of three nodes have the event, and no consumer loses its offset. */
export const durability: Rule = (repository, { kafkaTopics }) => {
  const found: string[] = [];
  for (const { file, content } of ofKind(repository, 'Kafka')) {
    const setting = (name: string) => at(content, 'spec', 'kafka', 'config', name);
    for (const [name, value] of Object.entries(KAFKA)) {
      if (setting(name) !== value) found.push(`${file}: ${name} is not ${String(value)}`);
    }
    const longest = Math.max(...kafkaTopics.map(({ config }) => Number(config['retention.ms'])));
    if (!(Number(setting('offsets.retention.minutes')) * 60_000 >= longest))
      found.push(`${file}: offsets.retention.minutes is shorter than events are kept`);
    const listeners = [at(content, 'spec', 'kafka', 'listeners')].flat();
    if (
      listeners.some(
        (one) => at(one, 'tls') !== true || at(one, 'authentication', 'type') !== 'scram-sha-512',
      )
    )
      found.push(`${file}: has a listener without TLS or a password`);
  }
  // With one node Kafka would refuse these topics; with three the topics would be less durable than the cluster's default.
  for (const { file, content } of ofKind(repository, 'KafkaTopic')) {
    if (at(content, 'spec', 'replicas') !== undefined)
      found.push(`${file}: must not set replicas, which the cluster sets`);
    if (at(content, 'spec', 'config', 'min.insync.replicas') !== undefined)
      found.push(`${file}: must not set min.insync.replicas, which the cluster sets`);
    if (at(content, 'spec', 'config', 'retention.ms') === undefined)
      found.push(`${file}: retention.ms is missing`);
  }
  for (const { file, content } of ofKind(repository, 'Broker')) {
    const topic = at(content, 'metadata', 'annotations', 'kafka.eventing.knative.dev/external.topic');
    if (!kafkaTopics.some((one) => one.topic === topic))
      found.push(`${file}: its topic is not one of our KafkaTopics`);
  }
  return found;
};

const KAFKA = {
  'auto.create.topics.enable': false,
  'default.replication.factor': 3,
  'min.insync.replicas': 2,
  'offsets.topic.replication.factor': 3,
  'unclean.leader.election.enable': false,
};

/** A workload loses at most one pod at a time, and only its clients reach it. */
export const guards: Rule = (repository) =>
  ['Deployment', 'StatefulSet', 'Prometheus']
    .flatMap((kind) => ofKind(repository, kind))
    .flatMap(({ file, name }) =>
      ['PodDisruptionBudget', 'NetworkPolicy']
        .filter((kind) => !ofKind(repository, kind).some((guard) => selects(guard.content, name)))
        .map((kind) => `${file}: has no ${kind}`),
    );

/** The loss of a node takes at most one copy of the data. */
export const copies: Rule = (repository) =>
  ['KafkaNodePool', 'StatefulSet']
    .flatMap((kind) => ofKind(repository, kind))
    .filter(({ kind, name, content }) => {
      const [pod, labels] =
        kind === 'StatefulSet'
          ? [at(content, 'spec', 'template', 'spec'), at(content, 'spec', 'template', 'metadata', 'labels')]
          : [at(content, 'spec', 'template', 'pod'), { 'strimzi.io/pool-name': name }];
      const affinity = at(
        pod,
        'affinity',
        'podAntiAffinity',
        'requiredDuringSchedulingIgnoredDuringExecution',
      );
      const apart = { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: labels } };
      return ![affinity].flat().some((term) => isDeepStrictEqual(term, apart));
    })
    .map(({ file }) => `${file}: two of its pods may share a node`);

/** A pod with limited egress reaches DNS at any address, and Prometheus the API server of every kind of cluster. */
export const exits: Rule = (repository) =>
  ofKind(repository, 'NetworkPolicy')
    .filter(({ content }) => [at(content, 'spec', 'policyTypes')].flat().includes('Egress'))
    .flatMap(({ file, name, content }) => {
      const anywhere = [at(content, 'spec', 'egress')].flat().filter((egress) => !at(egress, 'to'));
      const ports = anywhere
        .flatMap((egress) => [at(egress, 'ports')].flat())
        .map((port) => [at(port, 'protocol') ?? 'TCP', at(port, 'port')].join(' '));
      return [...DNS, ...(name === 'prometheus' ? API_SERVERS : [])]
        .filter((port) => !ports.includes(port))
        .map((port) => `${file}: does not allow egress to ${port}`);
    });

const DNS = ['UDP 53', 'TCP 53'];
/** Managed clusters, kind, minikube, MicroK8s. A policy sees the API server's own port, not its Service's. */
const API_SERVERS = ['TCP 443', 'TCP 6443', 'TCP 8443', 'TCP 16443'];

/** The NetworkPolicies of Redis admit exactly the functions that use it. */
export const redisUsers: Rule = (repository) =>
  ofKind(repository, 'Service').flatMap(({ file, content }) => {
    const template = at(content, 'spec', 'template');
    const env = [at(template, 'spec', 'containers', 0, 'env')].flat();
    const uses = env.some((one) => at(one, 'name') === 'REDIS_PASSWORD');
    const isLetIn = at(template, 'metadata', 'labels', 'formbus.dev/redis') === 'true';
    if (uses === isLetIn) return [];
    return [`${file}: the label formbus.dev/redis and REDIS_PASSWORD go together`];
  });

/** Seconds until the Sentinels see a restarted pod, measured on a real cluster. */
const UNSEEN_SECONDS = 14;
/** The longest run of redis/stop.sh, then Redis's own shutdown-timeout. */
const STOP_SECONDS = 45 + 10;

/**
 * No acknowledged row is lost when Redis pods are restarted, drained or evicted one after the other: the Sentinels see each pod before the
 * next one stops, a master hands over before it stops, and a hanging process is found.
 */
export const redisRestarts: Rule = (repository) =>
  ofKind(repository, 'StatefulSet').flatMap(({ file, name, content }) => {
    const pod = at(content, 'spec', 'template', 'spec');
    const container = at(pod, 'containers', 0);
    const found: string[] = [];
    const want = (isSo: boolean, what: string) => void (isSo || found.push(`${file}: ${what}`));
    want(
      at(container, 'livenessProbe', 'exec') !== undefined,
      'its livenessProbe does not find a hanging process',
    );
    if (name !== 'redis') return found;

    const seconds = (...path: string[]) => Number(at(container, 'readinessProbe', ...path));
    want(
      seconds('periodSeconds') * seconds('failureThreshold') <= 3,
      'stays ready for too long after a failure',
    );
    want(
      seconds('periodSeconds') * (seconds('successThreshold') - 1) > UNSEEN_SECONDS,
      'a drain continues before the Sentinels see this pod',
    );
    want(
      Number(at(content, 'spec', 'minReadySeconds')) > UNSEEN_SECONDS,
      'a rolling restart continues before the Sentinels see this pod',
    );
    const hook = [at(container, 'lifecycle', 'preStop', 'exec', 'command')].flat();
    want(hook.includes('/etc/redis/stop.sh'), 'a master stops without handing over');
    want(
      Number(at(pod, 'terminationGracePeriodSeconds')) >= STOP_SECONDS,
      'is killed before it has handed over',
    );
    return found;
  });

function selects(guard: Repository['resources'][number]['content'], app: string): boolean {
  return ['selector', 'podSelector'].some((kind) => at(guard, 'spec', kind, 'matchLabels', 'app') === app);
}
