import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { parse } from 'yaml';
import type { Pod } from './pod.ts';

const Exec = v.object({ exec: v.object({ command: v.array(v.string()) }) });
const Liveness = v.object({ ...Exec.entries, timeoutSeconds: v.number() });
/** With Kubernetes' own defaults. */
const Readiness = v.object({
  ...Exec.entries,
  periodSeconds: v.optional(v.number(), 10),
  timeoutSeconds: v.optional(v.number(), 1),
  failureThreshold: v.optional(v.number(), 3),
  successThreshold: v.optional(v.number(), 1),
});
const Container = v.object({
  readinessProbe: Readiness,
  lifecycle: v.optional(v.object({ preStop: Exec })),
});
const StatefulSet = <T extends v.GenericSchema>(container: T) =>
  v.object({
    spec: v.object({
      minReadySeconds: v.optional(v.number(), 0),
      template: v.object({
        spec: v.object({
          containers: v.tuple([container]),
          terminationGracePeriodSeconds: v.optional(v.number(), 30),
        }),
      }),
    }),
  });

/** What the manifest of Redis says about starting and stopping it. */
export function redisManifest() {
  const { minReadySeconds, template } = v.parse(StatefulSet(Container), manifestOf('redis')).spec;
  const { containers, terminationGracePeriodSeconds } = template.spec;
  return { ...containers[0], minReadySeconds, terminationGracePeriodSeconds };
}

/** Whether the manifest's liveness probe finds it alive. */
export async function isAlive(kind: 'redis' | 'sentinel', pod: Pod): Promise<boolean> {
  const container = v.object({ livenessProbe: Liveness });
  const { template } = v.parse(StatefulSet(container), manifestOf(kind)).spec;
  const { exec, timeoutSeconds } = template.spec.containers[0].livenessProbe;
  return (await pod.exec(exec.command, timeoutSeconds * 1_000)).status === 0;
}

function manifestOf(kind: string): unknown {
  const file = join(import.meta.dirname, '../../../knative/platform', kind, 'statefulset.yaml');
  return parse(readFileSync(file, 'utf8'));
}

/** What the manifest's readiness probe has to say against a Redis; nothing when it is ready. */
export async function complaint(pod: Pod): Promise<string> {
  const { exec, timeoutSeconds } = redisManifest().readinessProbe;
  const { status, output } = await pod.exec(exec.command, timeoutSeconds * 1_000);
  return status === 0 ? '' : output || 'not ready';
}
