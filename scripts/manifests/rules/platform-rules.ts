import { isDeepStrictEqual } from 'node:util';
import { at, ofKind, type Repository, type Rule } from './repository.ts';

/** Kafka's acknowledgement is worth what the README says: two of three nodes have the event, and no consumer forgets where it was. */
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
      found.push(`${file}: a listener goes without TLS or a password`);
  }
  // They would be refused where Kafka has one node, and are worth less than the cluster's where it has three.
  for (const { file, content } of ofKind(repository, 'KafkaTopic')) {
    if (at(content, 'spec', 'replicas') !== undefined)
      found.push(`${file}: replicas are the cluster's matter`);
    if (at(content, 'spec', 'config', 'min.insync.replicas') !== undefined)
      found.push(`${file}: min.insync.replicas is the cluster's matter`);
    if (at(content, 'spec', 'config', 'retention.ms') === undefined)
      found.push(`${file}: retention.ms is missing`);
  }
  for (const { file, content } of ofKind(repository, 'Broker')) {
    const topic = at(content, 'metadata', 'annotations', 'kafka.eventing.knative.dev/external.topic');
    if (!kafkaTopics.some((one) => one.topic === topic))
      found.push(`${file}: its topic is no KafkaTopic of ours`);
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

/** What runs all the time loses one pod at a time, and is reached by those who have to reach it. */
export const guards: Rule = (repository) =>
  ['Deployment', 'StatefulSet', 'Prometheus']
    .flatMap((kind) => ofKind(repository, kind))
    .flatMap(({ file, name }) =>
      ['PodDisruptionBudget', 'NetworkPolicy']
        .filter((kind) => !ofKind(repository, kind).some((guard) => selects(guard.content, name)))
        .map((kind) => `${file}: no ${kind} is for it`),
    );

/** The loss of a node takes one copy of what is kept, and no more. */
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

/** Whoever may not go everywhere gets to DNS, wherever it is, and Prometheus to the API server of every kind of cluster. */
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
        .map((port) => `${file}: there is no way out to ${port}`);
    });

const DNS = ['UDP 53', 'TCP 53'];
/** Of managed clusters, kind, minikube and MicroK8s; the rules of a policy hold after a Service's address is replaced by its pod's. */
const API_SERVERS = ['TCP 443', 'TCP 6443', 'TCP 8443', 'TCP 16443'];

/** Whoever uses Redis is let in by its NetworkPolicies, and nobody else is. */
export const redisUsers: Rule = (repository) =>
  ofKind(repository, 'Service').flatMap(({ file, content }) => {
    const template = at(content, 'spec', 'template');
    const env = [at(template, 'spec', 'containers', 0, 'env')].flat();
    const uses = env.some((one) => at(one, 'name') === 'REDIS_PASSWORD');
    const isLetIn = at(template, 'metadata', 'labels', 'formbus.dev/redis') === 'true';
    if (uses === isLetIn) return [];
    return [`${file}: the label formbus.dev/redis and REDIS_PASSWORD go together`];
  });

/** How long the Sentinels do not see a pod that has started again, in seconds, as measured on a real cluster. */
const UNSEEN_SECONDS = 14;
/** What redis/stop.sh takes at most, and then Redis's own shutdown-timeout. */
const STOP_SECONDS = 45 + 10;

/**
 * No acknowledged row is lost when one Redis after the other is restarted, drained or evicted: each is taken only when the Sentinels see the one before,
 * a master hands over first, and one that hangs is found.
 */
export const redisRestarts: Rule = (repository) =>
  ofKind(repository, 'StatefulSet').flatMap(({ file, name, content }) => {
    const pod = at(content, 'spec', 'template', 'spec');
    const container = at(pod, 'containers', 0);
    const found: string[] = [];
    const want = (isSo: boolean, what: string) => void (isSo || found.push(`${file}: ${what}`));
    want(
      at(container, 'livenessProbe', 'exec') !== undefined,
      'its livenessProbe does not find one that hangs',
    );
    if (name !== 'redis') return found;

    const seconds = (...path: string[]) => Number(at(container, 'readinessProbe', ...path));
    want(
      seconds('periodSeconds') * seconds('failureThreshold') <= 3,
      'it is ready for long when it is not any more',
    );
    want(
      seconds('periodSeconds') * (seconds('successThreshold') - 1) > UNSEEN_SECONDS,
      'a drain takes the next one before the Sentinels see this one',
    );
    want(
      Number(at(content, 'spec', 'minReadySeconds')) > UNSEEN_SECONDS,
      'a rolling restart takes the next one before the Sentinels see this one',
    );
    const hook = [at(container, 'lifecycle', 'preStop', 'exec', 'command')].flat();
    want(hook.includes('/etc/redis/stop.sh'), 'a master does not hand over before it stops');
    want(
      Number(at(pod, 'terminationGracePeriodSeconds')) >= STOP_SECONDS,
      'it is killed before it has handed over',
    );
    return found;
  });

function selects(guard: Repository['resources'][number]['content'], app: string): boolean {
  return ['selector', 'podSelector'].some((kind) => at(guard, 'spec', kind, 'matchLabels', 'app') === app);
}
