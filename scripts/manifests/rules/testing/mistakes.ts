import type { Change } from './change.ts';

export const BUFFER = 'eventing/triggers/sheets-buffer.yaml';
const MODERATION = 'eventing/triggers/sheets-buffer-moderation.yaml';
const BROKER = 'eventing/broker.yaml';
export const DEMO = 'eventing/triggers/demo-task.yaml';
export const TASK = 'knative/tasks/demo-task.yaml';
export const FORM = 'knative/forms/demo-form.yaml';
const AUDIT = 'knative/tasks/audit.yaml';
const METRICS = 'knative/tasks/metrics.yaml';
const FLUSH = 'eventing/sources/sheets-flush.yaml';
export const SOURCE = 'eventing/sources/form-submissions.yaml';
export const CONTAINER = ['spec', 'template', 'spec', 'containers', 0];
const VOLUMES = ['spec', 'template', 'spec', 'volumes', 0];
const ANNOTATIONS = ['spec', 'template', 'metadata', 'annotations'];
export const CONFIG = 'knative/config.yaml';
export const TOPIC = 'knative/platform/kafka/topics/form-submissions.yaml';
export const REDIS = 'knative/platform/redis/statefulset.yaml';
const SENTINEL = 'knative/platform/sentinel/statefulset.yaml';
const NODES = 'knative/platform/kafka/nodes.yaml';
const KAFKA = 'knative/platform/kafka/formbus.yaml';
const MONITOR = 'knative/platform/monitoring/pods/exporter.yaml';
const POLICY = 'knative/platform/monitoring/prometheus/networkpolicy.yaml';
const PROMETHEUS = 'knative/platform/monitoring/prometheus/prometheus.yaml';
const ALERTS = 'knative/platform/monitoring/alerts/redis.yaml';
const NO_SHARING = ['affinity', 'podAntiAffinity', 'requiredDuringSchedulingIgnoredDuringExecution'];
const ALERT = ['spec', 'groups', 0, 'rules', 0];
const visibility = ['metadata', 'labels', 'networking.knative.dev/visibility'];
export const replies = (type: string) =>
  [TASK, ['metadata', 'annotations'], { 'formbus.dev/replies': type }] as const;

/** Mistakes in manifests, each with the finding that it has to lead to. */
export const MISTAKES: [mistake: string, changes: Change[], finding: string][] = [
  [
    'a Trigger for an unknown Service',
    [[DEMO, ['spec', 'subscriber', 'ref', 'name'], 'x']],
    'there is no Service "x"',
  ],
  [
    "a Trigger for a Service of Kubernetes' own kind",
    [[DEMO, ['spec', 'subscriber', 'ref', 'name'], 'redis']],
    'there is no Service "redis"',
  ],
  [
    'an unknown ConfigMap',
    [[FORM, [...CONTAINER, 'envFrom', 0, 'configMapRef', 'name'], 'x']],
    'there is no ConfigMap "x"',
  ],
  [
    'a Service of another name',
    [[TASK, ['metadata', 'name'], 'other']],
    `${TASK}: its resource is named other`,
  ],
  [
    'another FUNCTION_TARGET',
    [[TASK, [...CONTAINER, 'env', 0, 'value'], 'x']],
    `${TASK}: FUNCTION_TARGET is not demo-task`,
  ],
  [
    'a function that is named like a part of the platform',
    [['knative/platform/edge/service.yaml', ['metadata', 'name'], 'demo-task']],
    `${TASK}: there is a Service demo-task already`,
  ],
  [
    'a Trigger with a name of its own',
    [[DEMO, ['metadata', 'name'], 'x']],
    `${DEMO}: is not named after demo-task`,
  ],
  [
    'a Trigger with a suffix that is too long for the alerts',
    [[DEMO, ['metadata', 'name'], 'demo-task-a-b-c']],
    `${DEMO}: its suffix has more than two words`,
  ],
  [
    'a PingSource with a name of its own',
    [[FLUSH, ['metadata', 'name'], 'x']],
    `${FLUSH}: is not named after`,
  ],
  [
    'a Trigger that calls a form',
    [[DEMO, ['spec', 'subscriber', 'ref', 'name'], 'demo-form']],
    'demo-form is no task',
  ],
  [
    'a task that nobody calls',
    [[FLUSH, ['spec', 'sink', 'ref', 'name'], 'demo-task']],
    'functions/tasks/sheets-flush: no Trigger',
  ],
  [
    'a function that only functions call, and that they have no address of',
    [[CONFIG, ['data', 'METRICS_URL']]],
    'functions/tasks/metrics: no Trigger, PingSource or function calls it',
  ],
  [
    'an address of a Service that there is not',
    [[CONFIG, ['data', 'METRICS_URL'], 'http://metric.formbus.svc.cluster.local']],
    `${CONFIG}: METRICS_URL is the address of no Service`,
  ],
  [
    'totals that go when nobody comes',
    [[METRICS, [...ANNOTATIONS, 'autoscaling.knative.dev/min-scale'], '0']],
    `${METRICS}: min-scale and max-scale are not 1`,
  ],
  [
    'totals in two processes',
    [[METRICS, [...ANNOTATIONS, 'autoscaling.knative.dev/max-scale'], '2']],
    `${METRICS}: min-scale and max-scale are not 1`,
  ],
  [
    'a type that nobody publishes',
    [[DEMO, ['spec', 'filter', 'attributes', 'type'], 'form.sent']],
    `${DEMO}: nobody publishes`,
  ],
  [
    'a form that there is not',
    [[DEMO, ['spec', 'filter', 'attributes', 'form'], 'no-form']],
    `${DEMO}: its filter names no-form, and there is no such form`,
  ],
  [
    'a form that there is not beside one that there is',
    [
      [
        DEMO,
        ['spec', 'filters'],
        [{ any: [{ exact: { form: 'demo-form' } }, { exact: { form: 'no-form' } }] }],
      ],
    ],
    `${DEMO}: its filter names no-form, and there is no such form`,
  ],
  [
    'a filter that contradicts itself',
    [
      [
        DEMO,
        ['spec', 'filters'],
        [{ exact: { type: 'form.submitted' } }, { not: { prefix: { type: 'form.' } } }],
      ],
    ],
    `${DEMO}: nobody publishes`,
  ],
  [
    'a reply of the type that it answers',
    [replies('form.submitted')],
    'form.submitted leads to form.submitted again',
  ],
  [
    'a reply that comes back by way of another',
    [
      replies('form.analyzed, form.other'),
      [BUFFER, ['spec', 'filter', 'attributes', 'type'], 'form.analyzed'],
      [
        'knative/tasks/sheets-buffer.yaml',
        ['metadata', 'annotations'],
        { 'formbus.dev/replies': 'form.submitted' },
      ],
    ],
    'form.analyzed leads to form.analyzed again',
  ],
  [
    'a reply that comes back by way of two others',
    [
      replies('form.scored'),
      [DEMO, ['spec', 'filter', 'attributes'], { type: 'form.analyzed' }],
      [MODERATION, ['spec', 'filters'], [{ any: [{ exact: { type: 'form.scored', high: 'true' } }] }]],
      [
        'knative/tasks/sheets-buffer.yaml',
        ['metadata', 'annotations'],
        { 'formbus.dev/replies': 'form.submitted' },
      ],
    ],
    'form.analyzed leads to form.analyzed again',
  ],
  [
    'a reply to a task that takes everything',
    [replies('form.scored'), [DEMO, ['spec', 'filter']]],
    'form.scored leads to form.scored again',
  ],
  [
    'two Triggers of a task for the same event',
    [[MODERATION, ['spec', 'filters', 0, 'any', 0, 'exact', 'type'], 'form.submitted']],
    `${BUFFER}: delivers to sheets-buffer what ${MODERATION} delivers`,
  ],
  [
    'a Trigger with half a delivery',
    [[DEMO, ['spec', 'delivery'], { timeout: 'PT60S' }]],
    `${DEMO}: spec.delivery.retry is not 500`,
  ],
  [
    'an exponential backoff',
    [[BROKER, ['spec', 'delivery', 'backoffPolicy'], 'exponential']],
    'backoffPolicy is not linear',
  ],
  [
    'a Broker without a time-out',
    [[BROKER, ['spec', 'delivery', 'timeout']]],
    'spec.delivery.timeout is not PT60S',
  ],
  [
    'a Broker without dead letters',
    [[BROKER, ['spec', 'delivery', 'deadLetterSink']]],
    `${BROKER}: spec.delivery.deadLetterSink`,
  ],
  [
    'a KafkaSource without delivery',
    [[SOURCE, ['spec', 'delivery']]],
    `${SOURCE}: spec.delivery.retry is not 500`,
  ],
  [
    'dead letters to an unknown sink',
    [[SOURCE, ['spec', 'delivery', 'deadLetterSink', 'ref', 'name'], 'x']],
    `${SOURCE}: spec.delivery.deadLetterSink`,
  ],
  [
    'a task cut off before its caller gives up',
    [[TASK, ['spec', 'template', 'spec', 'timeoutSeconds'], 30]],
    `${TASK}: timeoutSeconds is shorter`,
  ],
  [
    'a function cut off before it may answer',
    [[AUDIT, ['spec', 'template', 'spec', 'responseStartTimeoutSeconds']]],
    `${AUDIT}: timeoutSeconds is 600, and an answer has to begin after 300`,
  ],
  ['an unknown topic', [['eventing/dead-letters.yaml', ['spec', 'topic'], 'x']], 'there is no KafkaTopic x'],
  ['an unknown KAFKA_TOPIC', [[CONFIG, ['data', 'KAFKA_TOPIC'], 'x']], `${CONFIG}: there is no KafkaTopic x`],
  [
    'a topic that no source reads',
    [[SOURCE, ['spec', 'topics', 0], 'form-dead-letters']],
    'no KafkaSource reads KAFKA_TOPIC',
  ],
  [
    'another Kafka',
    [[SOURCE, ['spec', 'bootstrapServers', 0], 'x:9092']],
    `${SOURCE}: no KafkaTopic lies in the cluster x:9092`,
  ],
  ['a topic elsewhere', [[TOPIC, ['metadata', 'namespace'], 'x']], 'the topics lie in 2 clusters'],
  ['an ordered source', [[SOURCE, ['spec', 'ordering'], 'ordered']], 'spec.ordering is not unordered'],
  [
    'a source that starts at the end',
    [[SOURCE, ['spec', 'initialOffset'], 'latest']],
    'spec.initialOffset is not earliest',
  ],
  ['a source with a generated group', [[SOURCE, ['spec', 'consumerGroup']]], 'spec.consumerGroup is missing'],
  [
    'a source for an unknown Broker',
    [[SOURCE, ['spec', 'sink', 'ref', 'name'], 'x']],
    'there is no Broker x',
  ],
  [
    'a memory that is too short',
    [[CONFIG, ['data', 'SEEN_DAYS'], '44']],
    'SEEN_DAYS is not above the 51 days',
  ],
  [
    'events that are kept for ever',
    [[TOPIC, ['spec', 'config', 'retention.ms'], -1]],
    'SEEN_DAYS is not above the Infinity days',
  ],
  [
    'a root user',
    [[FORM, [...CONTAINER, 'securityContext', 'runAsNonRoot'], false]],
    'securityContext.runAsNonRoot is not true',
  ],
  ["root's group", [[FORM, [...CONTAINER, 'securityContext', 'runAsGroup'], 0]], 'runAsGroup is missing'],
  [
    "a key to the cluster's API",
    [[TASK, ['spec', 'template', 'spec', 'automountServiceAccountToken']]],
    `${TASK}: automountServiceAccountToken is not false`,
  ],
  [
    'a capability',
    [[FORM, [...CONTAINER, 'securityContext', 'capabilities', 'drop'], []]],
    'securityContext.capabilities is not',
  ],
  [
    'no limit',
    [[FORM, [...CONTAINER, 'resources', 'limits', 'memory']]],
    'resources.limits.memory is missing',
  ],
  [
    'a reference to a key that no installation brings',
    [[FORM, [...CONTAINER, 'env', 1, 'valueFrom', 'secretKeyRef', 'key'], 'x']],
    `${FORM}: the key x of the Secret formbus is not in`,
  ],
  [
    'a mounted key that no installation brings',
    [['knative/tasks/sheets-flush.yaml', [...VOLUMES, 'secret', 'items', 0, 'key'], 'x']],
    'the key x of the Secret formbus is not in',
  ],
  [
    'a key that the runner does not know of',
    [[CONFIG, ['metadata', 'annotations', 'formbus.dev/secret-keys'], 'idempotency-secret']],
    `${CONFIG}: formbus.dev/secret-keys are not the keys in`,
  ],
  [
    'a secret as a variable',
    [[FORM, [...CONTAINER, 'env', 1], { name: 'IDEMPOTENCY_SECRET', value: 'hunter2' }]],
    `${FORM}: IDEMPOTENCY_SECRET has a value here`,
  ],
  [
    'a secret in a ConfigMap',
    [[CONFIG, ['data', 'REDIS_PASSWORD'], 'hunter2']],
    `${CONFIG}: REDIS_PASSWORD has a value here`,
  ],
  [
    'a password in a URL',
    [[CONFIG, ['data', 'REDIS_URL'], 'redis://:hunter2@redis:6379']],
    `${CONFIG}: holds a secret value`,
  ],
  ['a Secret', [[TOPIC, ['kind'], 'Secret']], `${TOPIC}: a Secret is the installation's`],
  ['another image', [[FORM, [...CONTAINER, 'image'], 'formbus:latest']], 'image is not dev.local/formbus'],
  [
    'an instance at each release',
    [[FORM, [...ANNOTATIONS, 'autoscaling.knative.dev/initial-scale']]],
    'initial-scale is not 0',
  ],
  [
    'growth without bound',
    [[FORM, [...ANNOTATIONS, 'autoscaling.knative.dev/max-scale']]],
    'max-scale is missing',
  ],
  ['no probe', [[FORM, [...CONTAINER, 'readinessProbe']]], `${FORM}: readinessProbe is missing`],
  [
    'a root user in a pod',
    [[REDIS, ['spec', 'template', 'spec', 'securityContext', 'runAsNonRoot'], false]],
    `${REDIS}: securityContext.runAsNonRoot is not true`,
  ],
  [
    'an image without a digest',
    [[REDIS, ['spec', 'template', 'spec', 'containers', 0, 'image'], 'redis:latest']],
    `${REDIS}: redis:latest is not pinned`,
  ],
  [
    "a port of queue-proxy's",
    [[FORM, [...CONTAINER, 'ports'], [{ containerPort: 8012 }]]],
    `${FORM}: port 8012 belongs to queue-proxy`,
  ],
  [
    'a Kafka with fewer copies',
    [[KAFKA, ['spec', 'kafka', 'config', 'min.insync.replicas'], 1]],
    `${KAFKA}: min.insync.replicas is not 2`,
  ],
  [
    'offsets that go before their events',
    [[KAFKA, ['spec', 'kafka', 'config', 'offsets.retention.minutes'], 10_080]],
    `${KAFKA}: offsets.retention.minutes is shorter`,
  ],
  [
    'an open listener',
    [[KAFKA, ['spec', 'kafka', 'listeners', 0, 'tls'], false]],
    `${KAFKA}: a listener goes without TLS`,
  ],
  ['a topic with copies of its own', [[TOPIC, ['spec', 'replicas'], 2]], `${TOPIC}: replicas are`],
  [
    'a topic that keeps for a default time',
    [[TOPIC, ['spec', 'config', 'retention.ms']]],
    'retention.ms is missing',
  ],
  [
    'a Broker whose topic goes with it',
    [[BROKER, ['metadata', 'annotations', 'kafka.eventing.knative.dev/external.topic']]],
    'its topic is no KafkaTopic of ours',
  ],
  [
    'a drain of all pods at once',
    [['knative/platform/redis/poddisruptionbudget.yaml', ['spec', 'selector', 'matchLabels', 'app'], 'x']],
    `${REDIS}: no PodDisruptionBudget is for it`,
  ],
  [
    'Kafka nodes that may share a machine',
    [[NODES, ['spec', 'template', 'pod', ...NO_SHARING], []]],
    `${NODES}: two of its pods may share a node`,
  ],
  [
    'a Redis that keeps away from another one than itself',
    [[REDIS, ['spec', 'template', 'metadata', 'labels', 'app'], 'x']],
    `${REDIS}: two of its pods may share a node`,
  ],
  [
    "a Prometheus that does not reach minikube's API server",
    [[POLICY, ['spec', 'egress', 2, 'ports'], [{ port: 443 }, { port: 6443 }]]],
    `${POLICY}: there is no way out to TCP 8443`,
  ],
  [
    'a Prometheus that asks for names in vain where the node answers',
    [[POLICY, ['spec', 'egress', 3, 'to'], [{ namespaceSelector: {} }]]],
    `${POLICY}: there is no way out to UDP 53`,
  ],
  [
    'a function that Redis does not let in',
    [['knative/tasks/sheets-buffer.yaml', ['spec', 'template', 'metadata', 'labels']]],
    'the label formbus.dev/redis and REDIS_PASSWORD go together',
  ],
  [
    'a drain that goes on as soon as Redis answers',
    [[REDIS, [...CONTAINER, 'readinessProbe', 'successThreshold']]],
    `${REDIS}: a drain takes the next one before the Sentinels see this one`,
  ],
  [
    'a rolling restart that does',
    [[REDIS, ['spec', 'minReadySeconds']]],
    `${REDIS}: a rolling restart takes the next one before the Sentinels see this one`,
  ],
  [
    'a Redis that is ready for half a minute after it has lost its master',
    [[REDIS, [...CONTAINER, 'readinessProbe', 'failureThreshold']]],
    `${REDIS}: it is ready for long when it is not any more`,
  ],
  [
    'a master that goes without a word',
    [[REDIS, [...CONTAINER, 'lifecycle']]],
    `${REDIS}: a master does not hand over before it stops`,
  ],
  [
    'a master that has no time to hand over',
    [[REDIS, ['spec', 'template', 'spec', 'terminationGracePeriodSeconds']]],
    `${REDIS}: it is killed before it has handed over`,
  ],
  [
    'a Sentinel whose port alone is tried',
    [[SENTINEL, [...CONTAINER, 'livenessProbe'], { tcpSocket: { port: 'sentinel' } }]],
    `${SENTINEL}: its livenessProbe does not find one that hangs`,
  ],
  [
    'a Prometheus of another version than its image',
    [[PROMETHEUS, ['spec', 'version'], 'v3.0.0']],
    'spec.version is not the version of its image',
  ],
  [
    'a Prometheus without a digest',
    [[PROMETHEUS, ['spec', 'image'], 'prometheus:v3.13.1']],
    'prometheus:v3.13.1 is not pinned',
  ],
  ['a Prometheus that keeps for ever', [[PROMETHEUS, ['spec', 'retention']]], 'spec.retention is missing'],
  [
    'a Prometheus without bounds',
    [[PROMETHEUS, ['spec', 'resources']]],
    'spec.resources.limits.cpu is missing',
  ],
  [
    'a root user in Prometheus',
    [[PROMETHEUS, ['spec', 'securityContext', 'runAsNonRoot'], false]],
    `${PROMETHEUS}: securityContext.runAsNonRoot is not true`,
  ],
  [
    'a Prometheus that nobody is',
    [[PROMETHEUS, ['spec', 'serviceAccountName'], 'x']],
    'there is no such ServiceAccount',
  ],
  [
    'figures of a namespace that there is not',
    [[MONITOR, ['spec', 'namespaceSelector', 'matchNames'], ['x']]],
    `${MONITOR}: there is no namespace x`,
  ],
  [
    'figures from where Prometheus may not go',
    [[MONITOR, ['spec', 'namespaceSelector', 'matchNames'], ['kourier-system']]],
    'does not let it go to kourier-system',
  ],
  [
    'figures of any namespace',
    [[MONITOR, ['spec', 'namespaceSelector', 'matchNames']]],
    `${MONITOR}: it names no namespace`,
  ],
  [
    'figures of a Service that there is not',
    [[MONITOR, ['spec', 'selector', 'matchLabels', 'serving.knative.dev/service'], 'x']],
    `${MONITOR}: there is no Service x`,
  ],
  [
    'an alert of another severity',
    [[ALERTS, [...ALERT, 'labels', 'severity'], 'page']],
    'RedisDown: its severity',
  ],
  [
    'an alert that does not say what to do',
    [[ALERTS, [...ALERT, 'annotations', 'description']]],
    'RedisDown: its description is missing',
  ],
  [
    'an alert without a place to read on',
    [[ALERTS, [...ALERT, 'annotations', 'runbook_url'], 'knative/README.md#redis']],
    'its runbook_url is not {{ or $externalLabels.runbooks "knative/README.md" }}#redisdown',
  ],
  [
    'two alerts of one name',
    [[ALERTS, ['spec', 'groups', 0, 'rules', 1, 'alert'], 'RedisDown']],
    'RedisDown: there is another one of this name',
  ],
  ['a task that is reached from outside', [[TASK, visibility]], 'a task is not cluster-local'],
  [
    'a form that is not',
    [[FORM, ['metadata', 'labels'], { 'networking.knative.dev/visibility': 'cluster-local' }]],
    'a form is cluster-local',
  ],
];
