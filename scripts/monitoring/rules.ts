import { join } from 'node:path';
import * as v from 'valibot';
import { stringify } from 'yaml';
import { at, ofKind, readRepository } from '../manifests/rules/repository.ts';

const Alert = v.object({
  alert: v.string(),
  expr: v.string(),
  for: v.optional(v.string()),
  labels: v.object({ severity: v.string() }),
  annotations: v.record(v.string(), v.string()),
});
export type AlertRule = v.InferOutput<typeof Alert>;

/** A recording rule. */
const Recording = v.object({ record: v.string(), expr: v.string() });

const Groups = v.array(v.object({ name: v.string(), rules: v.array(v.union([Alert, Recording])) }));
export type RuleGroups = v.InferOutput<typeof Groups>;

/** The groups of all PrometheusRules of the project at `root`. */
export function readRuleGroups(root: string): RuleGroups {
  const rules = ofKind(readRepository(root), 'PrometheusRule');
  return rules.flatMap(({ content }) => v.parse(Groups, at(content, 'spec', 'groups')));
}

/** The alerts, without recording rules. */
export function alertsOf(groups: RuleGroups): AlertRule[] {
  return groups.flatMap(({ rules }) => rules.filter((rule) => 'alert' in rule));
}

/** A rules file for Prometheus; `immediate` removes `for`. */
export function rulesFile(groups: RuleGroups, { immediate = false } = {}): string {
  const given = groups.map(({ name, rules }) => ({
    name,
    rules: immediate ? rules.map((rule) => ({ ...rule, for: undefined })) : rules,
  }));
  return stringify({ groups: given });
}

/** The project of this file. */
export const ROOT = join(import.meta.dirname, '../..');
