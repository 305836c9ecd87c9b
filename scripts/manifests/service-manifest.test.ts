import { describe, expect, it } from 'vitest';
import { load, problems, service } from './manifests-testing.ts';

const service1 = (parts: Record<string, object>) =>
  load({ 'knative/tasks/task.yaml': service(parts) }).services[0];

describe('a Service', () => {
  it("has Knative's defaults where the manifest is silent", () => {
    expect(service1({})).toEqual({
      name: 'task',
      file: 'knative/tasks/task.yaml',
      clusterLocal: false,
      env: [],
      containerConcurrency: 0,
      timeoutSeconds: 300,
      minScale: 0,
      maxScale: 0,
      target: 100,
      windowSeconds: 60,
      image: 'dev.local/x',
      command: undefined,
      args: [],
    });
  });

  it.each([
    [{ timeoutSeconds: 60 }, 60],
    [{ timeoutSeconds: 600 }, 300],
    [{ timeoutSeconds: 600, responseStartTimeoutSeconds: 600 }, 600],
    [{ timeoutSeconds: 60, responseStartTimeoutSeconds: 20 }, 20],
  ])('with %j has to begin its answer within %i s', (spec, expected) => {
    expect(service1({ spec })?.timeoutSeconds).toBe(expected);
  });

  it('is scaled as its annotations say', () => {
    const annotations = {
      'autoscaling.knative.dev/min-scale': '1',
      'autoscaling.knative.dev/max-scale': '7',
      'autoscaling.knative.dev/target': '12.5',
      'autoscaling.knative.dev/window': '1m30s',
      'example.com/owner': 'somebody else',
    };
    expect(service1({ annotations })).toMatchObject({
      minScale: 1,
      maxScale: 7,
      target: 12.5,
      windowSeconds: 90,
    });
  });

  it.each([
    [undefined, 5, 5],
    ['3', 5, 3],
    ['8', 5, 5],
  ])('with target %s and a concurrency of %i aims at %i', (target, containerConcurrency, expected) => {
    const annotations = target ? { 'autoscaling.knative.dev/target': target } : {};
    expect(service1({ annotations, spec: { containerConcurrency } })?.target).toBe(expected);
  });

  it('has the values of a ConfigMap in its environment; its own win', () => {
    const container = {
      envFrom: [{ configMapRef: { name: 'config' } }],
      env: [
        { name: 'LEVEL', value: 'debug' },
        { name: 'COPY', valueFrom: { configMapKeyRef: { name: 'config', key: 'SIZE' } } },
        { name: 'SECRET', valueFrom: { secretKeyRef: { name: 'config', key: 'key-two' } } },
        { name: 'MAYBE', valueFrom: { secretKeyRef: { name: 'other', key: 'k', optional: true } } },
        { name: 'ABSENT', valueFrom: { configMapKeyRef: { name: 'config', key: 'NONE', optional: true } } },
      ],
    };
    expect(service1({ container })?.env).toEqual([
      { name: 'LEVEL', value: 'debug' },
      { name: 'SIZE', value: '1' },
      { name: 'COPY', value: '1' },
      { name: 'SECRET', secret: 'config', key: 'key-two', optional: false },
      { name: 'MAYBE', secret: 'other', key: 'k', optional: true },
    ]);
  });

  it('may be cluster-local, and may say what only a cluster cares for', () => {
    const metadata = { name: 'task', labels: { 'networking.knative.dev/visibility': 'cluster-local' } };
    const container = {
      command: ['node'],
      args: ['x'],
      resources: { limits: {} },
      readinessProbe: { tcpSocket: {} },
    };
    expect(service1({ metadata, container, spec: { serviceAccountName: 'x' } })).toMatchObject({
      clusterLocal: true,
      command: ['node'],
      args: ['x'],
    });
  });

  const auto = (key: string, value: string) => ({
    annotations: { [`autoscaling.knative.dev/${key}`]: value },
  });
  const CONTAINER = 'spec.template.spec.containers.0';
  it.each<[string, Record<string, object>, string]>([
    [
      'an unknown field',
      { spec: { hostPID: true } },
      'spec.template.spec.hostPID: is an unknown or unsupported field',
    ],
    [
      'two containers',
      { spec: { containers: [{ image: 'a' }, { image: 'b' }] } },
      'containers: must be exactly one',
    ],
    [
      'an annotation it cannot honour',
      auto('scale-down-delay', '5m'),
      'scale-down-delay: is not supported here',
    ],
    ['another metric', auto('metric', 'rps'), 'metric: must be "concurrency", not "rps"'],
    ['a window below 6 s', auto('window', '5s'), 'window: must be 6s at least'],
    ['a window that is none', auto('window', '1 minute'), 'window: must be a duration'],
    ['a scale that is not a number', auto('max-scale', 'many'), 'max-scale: must be a whole number'],
    ['instances ahead of need', auto('initial-scale', '3'), 'initial-scale: must be "0"'],
    [
      'min above max',
      { annotations: { 'autoscaling.knative.dev/min-scale': '3', 'autoscaling.knative.dev/max-scale': '2' } },
      'min-scale 3 is above max-scale 2',
    ],
    [
      'a field reference',
      { container: { env: [{ name: 'A', valueFrom: { fieldRef: {} } }] } },
      'valueFrom.fieldRef: is an unknown',
    ],
    [
      'a value that is a number',
      { container: { env: [{ name: 'A', value: 1 }] } },
      `${CONTAINER}.env.0.value: must be text`,
    ],
    [
      'a value that refers to another',
      { container: { env: [{ name: 'A', value: '$(B)' }] } },
      'env.0.value: must not refer',
    ],
    [
      'a value and a reference',
      {
        container: {
          env: [{ name: 'A', value: 'x', valueFrom: { secretKeyRef: { name: 'config', key: 'key-one' } } }],
        },
      },
      'env.0.valueFrom: cannot be combined with a value',
    ],
    ['PORT', { container: { env: [{ name: 'PORT', value: '1' }] } }, 'env.0.name: is set by Knative itself'],
    [
      'all of a Secret',
      { container: { envFrom: [{ secretRef: { name: 'x' } }] } },
      'envFrom.0.secretRef: is an unknown',
    ],
    [
      'an unknown ConfigMap',
      { container: { envFrom: [{ configMapRef: { name: 'x' } }] } },
      'there is no ConfigMap "x"',
    ],
    [
      'an unknown key of a ConfigMap',
      { container: { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'config', key: 'x' } } }] } },
      'there is no ConfigMap "config" with a key "x"',
    ],
    [
      'an unknown key of a Secret',
      { container: { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'config', key: 'x' } } }] } },
      'Secret "config" has no key "x": add it to formbus.dev/secret-keys',
    ],
    [
      'a volume of an unknown key',
      {
        spec: {
          volumes: [{ name: 'v', secret: { secretName: 'config', items: [{ key: 'x', path: 'x' }] } }],
        },
      },
      'Secret "config" has no key "x"',
    ],
    [
      'a volume of another sort',
      { spec: { volumes: [{ name: 'v', emptyDir: {} }] } },
      'volumes.0.emptyDir: is an unknown',
    ],
    [
      'HTTP/2',
      { container: { ports: [{ name: 'h2c', containerPort: 8080 }] } },
      'ports.0.name: must be "http1"',
    ],
    [
      'a time-out of more than 10 minutes',
      { spec: { timeoutSeconds: 601 } },
      'spec.template.spec.timeoutSeconds',
    ],
    ['a namespace', { metadata: { name: 'task', namespace: 'x' } }, 'metadata.namespace: is an unknown'],
    [
      'an autoscaling annotation outside the template',
      { metadata: { name: 'task', ...auto('min-scale', '1') } },
      'min-scale: is not supported here',
    ],
    ['no image', { container: { image: undefined as never } }, `${CONTAINER}.image: is missing`],
  ])('is refused with %s', (_, parts, problem) => {
    const found = problems({ 'knative/tasks/task.yaml': service(parts) });
    expect(found[0]).toMatch(/^knative\/tasks\/task\.yaml: /);
    expect(found.join('\n')).toContain(problem);
  });
});
