import type { Change } from './change.ts';

export const BUFFER = 'eventing/triggers/sheets-buffer.yaml';
export const DEMO = 'eventing/triggers/demo-task.yaml';
export const TASK = 'knative/tasks/demo-task.yaml';
export const FORM = 'knative/forms/demo-form.yaml';
const FLUSH = 'eventing/sources/sheets-flush.yaml';
export const SOURCE = 'eventing/sources/form-submissions.yaml';
export const CONTAINER = ['spec', 'template', 'spec', 'containers', 0];
const ANNOTATIONS = ['spec', 'template', 'metadata', 'annotations'];
export const CONFIG = 'knative/config.yaml';
export const TOPIC = 'knative/platform/kafka/form-submissions.yaml';
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
    'a Trigger with a name of its own',
    [[DEMO, ['metadata', 'name'], 'x']],
    `${DEMO}: is not named after demo-task`,
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
    'a type that nobody publishes',
    [[DEMO, ['spec', 'filter', 'attributes', 'type'], 'form.sent']],
    `${DEMO}: nobody publishes`,
  ],
  [
    'a form that there is not',
    [[DEMO, ['spec', 'filter', 'attributes', 'form'], 'no-form']],
    `${DEMO}: nobody publishes`,
  ],
  [
    'a filter that contradicts itself',
    [[DEMO, ['spec', 'filters'], [{ not: { prefix: { type: 'form.' } } }]]],
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
    'a Trigger without retries',
    [[DEMO, ['spec', 'delivery', 'retry']]],
    `${DEMO}: spec.delivery.retry is not 500`,
  ],
  [
    'an exponential backoff',
    [[DEMO, ['spec', 'delivery', 'backoffPolicy'], 'exponential']],
    'backoffPolicy is not linear',
  ],
  [
    'a Trigger without a time-out',
    [[DEMO, ['spec', 'delivery', 'timeout']]],
    'spec.delivery.timeout is not PT60S',
  ],
  [
    'a Trigger without dead letters',
    [[DEMO, ['spec', 'delivery', 'deadLetterSink']]],
    `${DEMO}: spec.delivery.deadLetterSink`,
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
    'SEEN_DAYS is not above the 44 days',
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
  ['a task that is reached from outside', [[TASK, visibility]], 'a task is not cluster-local'],
  [
    'a form that is not',
    [[FORM, ['metadata', 'labels'], { 'networking.knative.dev/visibility': 'cluster-local' }]],
    'a form is cluster-local',
  ],
];
