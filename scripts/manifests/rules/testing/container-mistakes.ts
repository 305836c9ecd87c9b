import type { Mistake } from './change.ts';
import { ANNOTATIONS, CONFIG, CONTAINER, FORM, REDIS, TASK, TOPIC, VOLUMES, visibility } from './files.ts';

export const containerMistakes: Mistake[] = [
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
    'a reference to an unknown key',
    [[FORM, [...CONTAINER, 'env', 1, 'valueFrom', 'secretKeyRef', 'key'], 'x']],
    `${FORM}: the key x of the Secret formbus is not in`,
  ],
  [
    'a mounted unknown key',
    [['knative/tasks/sheets-flush.yaml', [...VOLUMES, 'secret', 'items', 0, 'key'], 'x']],
    'the key x of the Secret formbus is not in',
  ],
  [
    'a key that the runner does not know',
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
    `${CONFIG}: contains a secret`,
  ],
  ['a Secret', [[TOPIC, ['kind'], 'Secret']], `${TOPIC}: a Secret must not be a manifest`],
  ['another image', [[FORM, [...CONTAINER, 'image'], 'formbus:latest']], 'image is not dev.local/formbus'],
  [
    'an instance at each release',
    [[FORM, [...ANNOTATIONS, 'autoscaling.knative.dev/initial-scale']]],
    'initial-scale is not 0',
  ],
  [
    'a function without max-scale',
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
  ['a task that is reachable from outside', [[TASK, visibility]], 'a task is not cluster-local'],
  [
    'a form that is not',
    [[FORM, ['metadata', 'labels'], { 'networking.knative.dev/visibility': 'cluster-local' }]],
    'a form is cluster-local',
  ],
];
