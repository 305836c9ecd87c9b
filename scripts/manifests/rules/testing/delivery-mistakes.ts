import type { Mistake } from './change.ts';
import { AUDIT, BROKER, CONFIG, DEMO, SOURCE, TASK, TOPIC } from './files.ts';

export const deliveryMistakes: Mistake[] = [
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
    'a task with a shorter time-out than its caller',
    [[TASK, ['spec', 'template', 'spec', 'timeoutSeconds'], 30]],
    `${TASK}: timeoutSeconds is shorter`,
  ],
  [
    'a function with an answer that has to begin too early',
    [[AUDIT, ['spec', 'template', 'spec', 'responseStartTimeoutSeconds']]],
    `${AUDIT}: timeoutSeconds is 600, but an answer has to begin within 300`,
  ],
  ['an unknown topic', [['eventing/dead-letters.yaml', ['spec', 'topic'], 'x']], 'there is no KafkaTopic x'],
  ['an unknown KAFKA_TOPIC', [[CONFIG, ['data', 'KAFKA_TOPIC'], 'x']], `${CONFIG}: there is no KafkaTopic x`],
  [
    'a topic without a source',
    [[SOURCE, ['spec', 'topics', 0], 'form-dead-letters']],
    'no KafkaSource reads KAFKA_TOPIC',
  ],
  [
    'another Kafka',
    [[SOURCE, ['spec', 'bootstrapServers', 0], 'x:9092']],
    `${SOURCE}: no KafkaTopic is in the cluster x:9092`,
  ],
  ['a topic elsewhere', [[TOPIC, ['metadata', 'namespace'], 'x']], 'the topics are in 2 clusters'],
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
];
