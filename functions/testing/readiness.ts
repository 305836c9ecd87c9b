import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { parse } from 'yaml';
import type { Pod } from './pod.ts';

const folder = join(import.meta.dirname, '../../knative/platform/redis');
const Container = v.object({
  readinessProbe: v.object({ exec: v.object({ command: v.array(v.string()) }) }),
});
const Template = v.object({ spec: v.object({ containers: v.tuple([Container]) }) });
const Manifest = v.object({ spec: v.object({ template: Template }) });

/** What the manifest's readiness probe has to say against a Redis; nothing when it is ready. */
export function complaint({ self, look }: Pod): string {
  const manifest = v.parse(Manifest, parse(readFileSync(join(folder, 'statefulset.yaml'), 'utf8')));
  const { command } = manifest.spec.template.spec.containers[0].readinessProbe.exec;
  const [program = '', ...words] = command.map((word) => word.replace('/etc/redis', folder));
  const { PATH } = process.env;
  const env = { PATH, SELF: self, REDISCLI_AUTH: look.options.password };
  const { status, stdout } = spawnSync(program, words, { env, encoding: 'utf8' });
  return status === 0 ? '' : stdout || 'not ready';
}
