/* Manifests and paths in them that tests change. */

export const BUFFER = 'eventing/triggers/sheets-buffer.yaml';
export const MODERATION = 'eventing/triggers/sheets-buffer-moderation.yaml';
export const BROKER = 'eventing/broker.yaml';
export const DEMO = 'eventing/triggers/demo-task.yaml';
export const TASK = 'knative/tasks/demo-task.yaml';
export const FORM = 'knative/forms/demo-form.yaml';
export const AUDIT = 'knative/tasks/audit.yaml';
export const METRICS = 'knative/tasks/metrics.yaml';
export const FLUSH = 'eventing/sources/sheets-flush.yaml';
export const SOURCE = 'eventing/sources/form-submissions.yaml';
export const CONTAINER = ['spec', 'template', 'spec', 'containers', 0];
export const VOLUMES = ['spec', 'template', 'spec', 'volumes', 0];
export const ANNOTATIONS = ['spec', 'template', 'metadata', 'annotations'];
export const CONFIG = 'knative/config.yaml';
export const TOPIC = 'knative/platform/kafka/topics/form-submissions.yaml';
export const REDIS = 'knative/platform/redis/statefulset.yaml';
export const SENTINEL = 'knative/platform/sentinel/statefulset.yaml';
export const NODES = 'knative/platform/kafka/nodes.yaml';
export const KAFKA = 'knative/platform/kafka/formbus.yaml';
export const MONITOR = 'knative/platform/monitoring/pods/exporter.yaml';
export const POLICY = 'knative/platform/monitoring/prometheus/networkpolicy.yaml';
export const PROMETHEUS = 'knative/platform/monitoring/prometheus/prometheus.yaml';
export const ALERTS = 'knative/platform/monitoring/alerts/redis.yaml';
export const NO_SHARING = ['affinity', 'podAntiAffinity', 'requiredDuringSchedulingIgnoredDuringExecution'];
export const ALERT = ['spec', 'groups', 0, 'rules', 0];
export const visibility = ['metadata', 'labels', 'networking.knative.dev/visibility'];
export const replies = (type: string) =>
  [TASK, ['metadata', 'annotations'], { 'formbus.dev/replies': type }] as const;
