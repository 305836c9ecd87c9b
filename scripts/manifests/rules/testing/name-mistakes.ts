import type { Mistake } from './change.ts';
import { ANNOTATIONS, CONFIG, CONTAINER, DEMO, FLUSH, FORM, METRICS, TASK } from './files.ts';

export const nameMistakes: Mistake[] = [
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
    'demo-form is not a task',
  ],
  [
    'a task without a caller',
    [[FLUSH, ['spec', 'sink', 'ref', 'name'], 'demo-task']],
    'functions/tasks/sheets-flush: no Trigger',
  ],
  [
    'a function without a caller, because functions have no address of it',
    [[CONFIG, ['data', 'METRICS_URL']]],
    'functions/tasks/metrics: no Trigger, PingSource or function calls it',
  ],
  [
    'an address of a missing Service',
    [[CONFIG, ['data', 'METRICS_URL'], 'http://metric.formbus.svc.cluster.local']],
    `${CONFIG}: METRICS_URL is not the address of a Service`,
  ],
  [
    'totals that end with the last request',
    [[METRICS, [...ANNOTATIONS, 'autoscaling.knative.dev/min-scale'], '0']],
    `${METRICS}: min-scale and max-scale are not 1`,
  ],
  [
    'totals in two processes',
    [[METRICS, [...ANNOTATIONS, 'autoscaling.knative.dev/max-scale'], '2']],
    `${METRICS}: min-scale and max-scale are not 1`,
  ],
];
