import { join } from 'node:path';
import * as v from 'valibot';
import { stringify } from 'yaml';
import { at, ofKind, readRepository } from '../manifests/repository.ts';

const Rule = v.object({
  alert: v.string(),
  expr: v.string(),
  for: v.optional(v.string()),
  labels: v.object({ severity: v.string() }),
  annotations: v.record(v.string(), v.string()),
});
export type AlertRule = v.InferOutput<typeof Rule>;

const Groups = v.array(v.object({ name: v.string(), rules: v.array(Rule) }));

/** The alerts of all PrometheusRules of the project at `root`, in groups as Prometheus has them. */
export function readAlertGroups(root: string): v.InferOutput<typeof Groups> {
  const rules = ofKind(readRepository(root), 'PrometheusRule');
  return rules.flatMap(({ content }) => v.parse(Groups, at(content, 'spec', 'groups')));
}

/** A rules file for Prometheus; `immediate` leaves the waits out. */
export function rulesFile(groups: ReturnType<typeof readAlertGroups>, { immediate = false } = {}): string {
  const given = groups.map(({ name, rules }) => ({
    name,
    rules: rules.map(({ for: wait, ...rule }) => (immediate || !wait ? rule : { ...rule, for: wait })),
  }));
  return stringify({ groups: given });
}

/** The project that this file is of. */
export const ROOT = join(import.meta.dirname, '../..');
