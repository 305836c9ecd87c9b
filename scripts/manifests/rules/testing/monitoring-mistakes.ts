import type { Mistake } from './change.ts';
import { ALERT, ALERTS, MONITOR, PROMETHEUS } from './files.ts';

export const monitoringMistakes: Mistake[] = [
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
  ['a Prometheus without retention', [[PROMETHEUS, ['spec', 'retention']]], 'spec.retention is missing'],
  [
    'a Prometheus without limits',
    [[PROMETHEUS, ['spec', 'resources']]],
    'spec.resources.limits.cpu is missing',
  ],
  [
    'a root user in Prometheus',
    [[PROMETHEUS, ['spec', 'securityContext', 'runAsNonRoot'], false]],
    `${PROMETHEUS}: securityContext.runAsNonRoot is not true`,
  ],
  [
    'a Prometheus with a missing ServiceAccount',
    [[PROMETHEUS, ['spec', 'serviceAccountName'], 'x']],
    'its ServiceAccount does not exist',
  ],
  [
    'metrics of a missing namespace',
    [[MONITOR, ['spec', 'namespaceSelector', 'matchNames'], ['x']]],
    `${MONITOR}: there is no namespace x`,
  ],
  [
    'metrics of a namespace that Prometheus does not reach',
    [[MONITOR, ['spec', 'namespaceSelector', 'matchNames'], ['kourier-system']]],
    'does not allow egress to kourier-system',
  ],
  [
    'metrics of any namespace',
    [[MONITOR, ['spec', 'namespaceSelector', 'matchNames']]],
    `${MONITOR}: it names no namespace`,
  ],
  [
    'metrics of a missing Service',
    [[MONITOR, ['spec', 'selector', 'matchLabels', 'serving.knative.dev/service'], 'x']],
    `${MONITOR}: there is no Service x`,
  ],
  [
    'an alert of another severity',
    [[ALERTS, [...ALERT, 'labels', 'severity'], 'page']],
    'RedisDown: its severity',
  ],
  [
    'an alert without a description',
    [[ALERTS, [...ALERT, 'annotations', 'description']]],
    'RedisDown: its description is missing',
  ],
  [
    'an alert with another runbook',
    [[ALERTS, [...ALERT, 'annotations', 'runbook_url'], 'knative/README.md#redis']],
    'its runbook_url is not {{ or $externalLabels.runbooks "knative/README.md" }}#redisdown',
  ],
  [
    'two alerts of one name',
    [[ALERTS, ['spec', 'groups', 0, 'rules', 1, 'alert'], 'RedisDown']],
    'RedisDown: another alert has this name',
  ],
];
