import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { loadManifests, ManifestError } from './manifests.ts';

/** A small set of manifests to change, for the tests of the loader. */
export type Files = Record<string, string>;

export const sink = { ref: { apiVersion: 'eventing.knative.dev/v1alpha1', kind: 'KafkaSink', name: 'dead' } };
export const toTask = { ref: { apiVersion: 'serving.knative.dev/v1', kind: 'Service', name: 'task' } };
export const yaml = (apiVersion: string, kind: string, name: string, rest: object) =>
  stringify({ apiVersion, kind, metadata: { name }, ...rest });

export const trigger = (spec: object) =>
  yaml('eventing.knative.dev/v1', 'Trigger', 'task', {
    spec: { broker: 'bus', subscriber: toTask, ...spec },
  });
export const broker = (spec: object) => yaml('eventing.knative.dev/v1', 'Broker', 'bus', { spec });
export const ping = (spec: object) =>
  yaml('sources.knative.dev/v1', 'PingSource', 'tick', { spec: { sink: toTask, ...spec } });
export const service = ({
  container = {},
  spec = {},
  annotations = {},
  ...rest
}: Record<string, object> = {}) =>
  yaml('serving.knative.dev/v1', 'Service', 'task', {
    spec: {
      template: {
        metadata: { annotations },
        spec: { containers: [{ image: 'dev.local/x', ...container }], ...spec },
      },
    },
    ...rest,
  });
export const config = (data: object) =>
  stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'config', annotations: { 'formbus.dev/secret-keys': 'key-one, key-two' } },
    data,
  });

const BASE: Files = {
  'eventing/broker.yaml': broker({}),
  'eventing/dead.yaml': yaml('eventing.knative.dev/v1alpha1', 'KafkaSink', 'dead', {
    spec: { topic: 'dead-topic' },
  }),
  'knative/config.yaml': config({ LEVEL: 'info', SIZE: '1' }),
  'knative/tasks/task.yaml': service(),
};

/** Loads the base with files changed or added. */
export function load(files: Files = {}) {
  const root = mkdtempSync(join(tmpdir(), 'formbus-manifests-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [file, text] of Object.entries({ ...BASE, ...files })) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  return loadManifests(root);
}

export function problems(files: Files): string[] {
  try {
    load(files);
    return [];
  } catch (error) {
    if (error instanceof ManifestError) return error.problems;
    throw error;
  }
}
