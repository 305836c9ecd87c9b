import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import {
  broker,
  config,
  type Files,
  load,
  ping,
  problems,
  service,
  toTask,
  trigger,
  yaml,
} from './manifests-testing.ts';
import { loadManifests } from './manifests.ts';

describe('the files', () => {
  it('keeps what only a cluster runs, as it is', () => {
    const cluster = yaml('kafka.strimzi.io/v1', 'Kafka', 'formbus', { spec: { cruiseControl: {} } });
    const foreign = stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'config', namespace: 'else' },
    });
    const { others } = load({
      'knative/platform/cluster.yaml': cluster,
      'knative/platform/foreign.yaml': foreign,
    });
    expect(others.map(({ file, kind }) => `${file} ${kind}`)).toEqual([
      'knative/platform/cluster.yaml Kafka',
      'knative/platform/foreign.yaml ConfigMap',
    ]);
    expect(others[0]).toMatchObject({ name: 'formbus', content: { spec: { cruiseControl: {} } } });
  });

  it.each<[string, Files, string]>([
    [
      'two resources',
      { 'knative/two.yaml': `${config({})}---\n${config({})}` },
      'knative/two.yaml: must hold exactly one resource',
    ],
    ['nothing', { 'knative/empty.yaml': '' }, 'knative/empty.yaml: '],
    ['a file that is not YAML', { 'knative/bad.yaml': 'a: [1' }, 'knative/bad.yaml: '],
    ['a key twice', { 'knative/bad.yaml': 'kind: A\nkind: B' }, 'knative/bad.yaml: Map keys must be unique'],
    [
      'no kind',
      { 'knative/bad.yaml': 'apiVersion: v1\nmetadata: { name: x }' },
      'knative/bad.yaml: kind is missing',
    ],
    ['another ending', { 'knative/x.yml': config({}) }, 'knative/x.yml: must end in .yaml'],
    [
      'a kind of Knative that is not run',
      { 'eventing/seq.yaml': yaml('flows.knative.dev/v1', 'Sequence', 's', {}) },
      'eventing/seq.yaml: kind: Sequence of flows.knative.dev/v1 is not supported here',
    ],
    [
      'a misspelt kind',
      { 'eventing/t.yaml': yaml('eventing.knative.dev/v1', 'Triger', 't', {}) },
      'kind: Triger of eventing.knative.dev/v1',
    ],
    [
      'an old version',
      { 'eventing/broker.yaml': yaml('eventing.knative.dev/v1beta1', 'Broker', 'bus', { spec: {} }) },
      'apiVersion: must be "eventing.knative.dev/v1"',
    ],
    [
      'a name twice',
      { 'knative/forms/task.yaml': service() },
      'knative/tasks/task.yaml: metadata.name: is that of knative/forms/task.yaml already',
    ],
    [
      'a number in a ConfigMap',
      { 'knative/config.yaml': config({ SIZE: 1 }) },
      'knative/config.yaml: data.SIZE: must be text; put it in quotes',
    ],
    [
      'a Broker of another class',
      {
        'eventing/broker.yaml': stringify({
          apiVersion: 'eventing.knative.dev/v1',
          kind: 'Broker',
          metadata: { name: 'bus', annotations: { 'eventing.knative.dev/broker.class': 'RabbitMQ' } },
          spec: {},
        }),
      },
      'broker.class: must be "Kafka", not "RabbitMQ"',
    ],
    [
      'a Broker with an unknown config',
      { 'eventing/broker.yaml': broker({ config: { apiVersion: 'v1', kind: 'ConfigMap', name: 'x' } }) },
      'spec.config.name: there is no ConfigMap "x"',
    ],
  ])('are refused with %s', (_, files, problem) => {
    expect(problems(files).join('\n')).toContain(problem);
  });

  it('have all their problems reported at once, a line each', () => {
    const files = {
      'eventing/triggers/task.yaml': trigger({ broker: 'other', delivery: { timeout: 'x', retry: 'y' } }),
      'eventing/sources/tick.yaml': ping({ sink: { ref: { ...toTask.ref, name: 'none' } } }),
      'knative/bad.yaml': '[',
    };
    expect(problems(files)).toHaveLength(4);
    expect(() => load(files)).toThrow(/The manifests cannot be run as they stand:\n {2}knative\/bad.yaml: /);
  });

  it('must lie in eventing/ and knative/', () => {
    const root = mkdtempSync(join(tmpdir(), 'formbus-manifests-'));
    onTestFinished(() => rmSync(root, { recursive: true }));
    expect(() => loadManifests(root)).toThrow('eventing/: there is no such folder');
  });
});
