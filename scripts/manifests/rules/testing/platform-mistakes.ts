import type { Mistake } from './change.ts';
import { BROKER, CONTAINER, KAFKA, NODES, NO_SHARING, POLICY, REDIS, SENTINEL, TOPIC } from './files.ts';

export const platformMistakes: Mistake[] = [
  [
    'a Kafka with fewer copies',
    [[KAFKA, ['spec', 'kafka', 'config', 'min.insync.replicas'], 1]],
    `${KAFKA}: min.insync.replicas is not 2`,
  ],
  [
    'offsets that expire before their events',
    [[KAFKA, ['spec', 'kafka', 'config', 'offsets.retention.minutes'], 10_080]],
    `${KAFKA}: offsets.retention.minutes is shorter`,
  ],
  [
    'an open listener',
    [[KAFKA, ['spec', 'kafka', 'listeners', 0, 'tls'], false]],
    `${KAFKA}: has a listener without TLS`,
  ],
  ['a topic with copies of its own', [[TOPIC, ['spec', 'replicas'], 2]], `${TOPIC}: must not set replicas`],
  [
    'a topic with the default retention',
    [[TOPIC, ['spec', 'config', 'retention.ms']]],
    'retention.ms is missing',
  ],
  [
    'a Broker that deletes its topic',
    [[BROKER, ['metadata', 'annotations', 'kafka.eventing.knative.dev/external.topic']]],
    'its topic is not one of our KafkaTopics',
  ],
  [
    'a drain of all pods at once',
    [['knative/platform/redis/poddisruptionbudget.yaml', ['spec', 'selector', 'matchLabels', 'app'], 'x']],
    `${REDIS}: has no PodDisruptionBudget`,
  ],
  [
    'Kafka nodes that may share a machine',
    [[NODES, ['spec', 'template', 'pod', ...NO_SHARING], []]],
    `${NODES}: two of its pods may share a node`,
  ],
  [
    'a Redis with an affinity for other pods',
    [[REDIS, ['spec', 'template', 'metadata', 'labels', 'app'], 'x']],
    `${REDIS}: two of its pods may share a node`,
  ],
  [
    "a Prometheus that does not reach minikube's API server",
    [[POLICY, ['spec', 'egress', 2, 'ports'], [{ port: 443 }, { port: 6443 }]]],
    `${POLICY}: does not allow egress to TCP 8443`,
  ],
  [
    'a Prometheus without DNS of the node',
    [[POLICY, ['spec', 'egress', 3, 'to'], [{ namespaceSelector: {} }]]],
    `${POLICY}: does not allow egress to UDP 53`,
  ],
  [
    'a function that Redis does not admit',
    [['knative/tasks/sheets-buffer.yaml', ['spec', 'template', 'metadata', 'labels']]],
    'the label formbus.dev/redis and REDIS_PASSWORD go together',
  ],
  [
    'a drain that continues as soon as Redis answers',
    [[REDIS, [...CONTAINER, 'readinessProbe', 'successThreshold']]],
    `${REDIS}: a drain continues before the Sentinels see this pod`,
  ],
  [
    'a rolling restart that does so',
    [[REDIS, ['spec', 'minReadySeconds']]],
    `${REDIS}: a rolling restart continues before the Sentinels see this pod`,
  ],
  [
    'a Redis that stays ready for half a minute after the loss of its master',
    [[REDIS, [...CONTAINER, 'readinessProbe', 'failureThreshold']]],
    `${REDIS}: stays ready for too long after a failure`,
  ],
  [
    'a master without a preStop hook',
    [[REDIS, [...CONTAINER, 'lifecycle']]],
    `${REDIS}: a master stops without handing over`,
  ],
  [
    'a master without time to hand over',
    [[REDIS, ['spec', 'template', 'spec', 'terminationGracePeriodSeconds']]],
    `${REDIS}: is killed before it has handed over`,
  ],
  [
    'a Sentinel of which only the port is probed',
    [[SENTINEL, [...CONTAINER, 'livenessProbe'], { tcpSocket: { port: 'sentinel' } }]],
    `${SENTINEL}: its livenessProbe does not find a hanging process`,
  ],
];
