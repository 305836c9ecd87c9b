import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { howToInstall } from '../../runner/processes/packages.ts';
import { tempFolder } from '../../runner/serving/testing.ts';
import type { Course } from './case.ts';
import { CASES } from './cases.ts';
import { type AlertRule, alertsOf, readRuleGroups, ROOT, rulesFile } from '../rules.ts';

const groups = readRuleGroups(ROOT);
const rules = alertsOf(groups);

const missing = howToInstall(['prometheus']);
const skipped = missing !== undefined && process.env['CI'] !== 'true';
if (skipped) console.warn('The alerts are not tested: prometheus is missing.');

it('each alert has a case in which it fires and one in which it does not', () => {
  expect(Object.keys(CASES).toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted());
});

it.each(rules.map((rule) => [rule.alert, rule] as const))(
  '%s names only labels that it has',
  (alert, rule) => {
    const used = Object.values(rule.annotations).flatMap((text) =>
      [...text.matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label),
    );
    const known = Object.keys(CASES[alert]?.fires.labels ?? {});
    expect(used.filter((label) => !known.includes(label))).toEqual([]);
  },
);

it.each(rules.map((rule) => [rule.alert, rule] as const))('%s has a runbook', (alert, rule) => {
  const texts = readFileSync(join(ROOT, 'knative/README.md'), 'utf8').split(/^#### /m);
  const text = texts.find((one) => one.startsWith(`${alert}\n\n`)) ?? '';
  expect(text.startsWith(`${alert}\n\n_Critical._ `)).toBe(rule.labels.severity === 'critical');
  expect(text).not.toBe('');
});

describe.skipIf(skipped)('by promtool', () => {
  it('all rules are valid', () => {
    const file = join(tempFolder(), 'rules.yaml');
    writeFileSync(file, rulesFile(groups));
    const { status, stdout, stderr } = promtool('check', 'rules', file);
    expect(`${status} ${stdout}${stderr}`).toMatch(
      new RegExp(`^0 .*SUCCESS: ${groups.flatMap((group) => group.rules).length} rules found`, 's'),
    );
  });

  it.each([
    ['where the installation has them', 'https://git.example.org/README.md'],
    ['in the repository where it has not said so', undefined],
  ])('all link to their runbook, %s', (_, runbooks) => {
    const folder = tempFolder();
    const linking = rules.map(({ alert, annotations: { runbook_url = '' } }) => ({
      alert,
      expr: 'vector(1)',
      annotations: { runbook_url },
    }));
    writeFileSync(join(folder, 'rules.yaml'), stringify({ groups: [{ name: 'all', rules: linking }] }));
    const test = {
      ...(runbooks === undefined ? {} : { external_labels: { runbooks } }),
      alert_rule_test: rules.map(({ alert }) => {
        const page = `${runbooks ?? 'knative/README.md'}#${alert.toLowerCase()}`;
        const firing = { exp_labels: {}, exp_annotations: { runbook_url: page } };
        return { alertname: alert, eval_time: '1m', exp_alerts: [firing] };
      }),
    };
    const file = join(folder, 'tests.yaml');
    writeFileSync(file, stringify({ rule_files: ['rules.yaml'], tests: [test] }));
    const { status, stdout, stderr } = promtool('test', 'rules', file);
    expect(`${status} ${stdout}${stderr}`).toMatch(/^0 /);
  });

  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s fires when it has to, and only then',
    (alert, rule) => {
      const given = CASES[alert];
      if (!given) throw new Error(`there is no case for ${alert}`);
      const { fires, silent } = given;
      expect(tried(rule, { ...fires, firing: [fires.labels] })).toBe('ok');
      expect(tried(rule, { ...silent, firing: [] })).toBe('ok');
      // Proves that this check can fail.
      expect(tried(rule, { ...silent, firing: [fires.labels] })).toContain('FAILED');
    },
  );
});

/** promtool's result for series with which the alert must fire with these labels. */
function tried(
  { alert, labels: { severity } }: AlertRule,
  { series, at, every = '1m', firing }: Course & { firing: Record<string, string>[] },
): string {
  const folder = tempFolder();
  const own = groups.filter((group) => alertsOf([group]).some((rule) => rule.alert === alert));
  writeFileSync(join(folder, 'rules.yaml'), rulesFile(own));
  const expected = firing.map((labels) => {
    const all = { alertname: alert, alertstate: 'firing', severity, ...labels };
    const text = Object.entries(all).map(([name, value]) => `${name}="${value}"`);
    return { labels: `ALERTS{${text.join(',')}}`, value: 1 };
  });
  const test = {
    interval: every,
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: [
      { expr: `ALERTS{alertname="${alert}",alertstate="firing"}`, eval_time: at, exp_samples: expected },
    ],
  };
  const file = join(folder, 'tests.yaml');
  writeFileSync(file, stringify({ rule_files: ['rules.yaml'], evaluation_interval: every, tests: [test] }));
  const { status, stdout, stderr } = promtool('test', 'rules', file);
  return status === 0 ? 'ok' : stdout + stderr;
}

function promtool(...args: string[]) {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  return { status, stdout, stderr };
}
