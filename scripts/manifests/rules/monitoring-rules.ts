import type { Resource } from '../manifest-files.ts';
import { at, ofKind, type Repository, type Rule } from './repository.ts';

/** Namespaces that the releases create. */
const RELEASED = ['knative-eventing', 'knative-serving', 'kourier-system'];

/** As the rules for containers, which do not see the pod that the operator makes; and its storage is bounded. */
export const prometheus: Rule = (repository) =>
  ofKind(repository, 'Prometheus').flatMap(({ file, content }) => {
    const spec = (...path: string[]) => at(content, 'spec', ...path);
    const image = String(spec('image'));
    const accounts = ofKind(repository, 'ServiceAccount').map(({ name }) => name);
    return [
      ...(repository.images.includes(image)
        ? []
        : [`${image} is not pinned in knative/platform/versions.json`]),
      ...(image.includes(`:${String(spec('version'))}@`)
        ? []
        : ['spec.version is not the version of its image']),
      ...(accounts.includes(String(spec('serviceAccountName'))) ? [] : ['its ServiceAccount does not exist']),
      ...['retention', 'retentionSize', 'storage']
        .filter((field) => !spec(field))
        .map((field) => `spec.${field} is missing`),
      ...['cpu', 'memory']
        .filter((what) => !spec('resources', 'limits', what))
        .map((what) => `spec.resources.limits.${what} is missing`),
      ...(spec('securityContext', 'runAsNonRoot') === true
        ? []
        : ['securityContext.runAsNonRoot is not true']),
    ].map((problem) => `${file}: ${problem}`);
  });

/** Prometheus may reach each namespace that it scrapes, and each selected Service exists. */
export const scrapes: Rule = (repository, { services }) => {
  const ours = ofKind(repository, 'Namespace').map(({ name }) => name);
  return ofKind(repository, 'PodMonitor').flatMap(({ file, content }) => {
    const namespaces = list(at(content, 'spec', 'namespaceSelector', 'matchNames')).map(String);
    const service = at(content, 'spec', 'selector', 'matchLabels', 'serving.knative.dev/service');
    const selected = typeof service === 'string' ? [service] : [];
    const unknown = namespaces.filter((name) => ![...ours, ...RELEASED].includes(name));
    const barred = namespaces.filter((name) => !mayGoTo(repository, name));
    return [
      ...(namespaces.length > 0 ? [] : ['it names no namespace']),
      ...unknown.map((name) => `there is no namespace ${name}`),
      ...barred.map((name) => `the NetworkPolicy of Prometheus does not allow egress to ${name}`),
      ...selected
        .filter((name) => !services.some((one) => one.name === name))
        .map((name) => `there is no Service ${name}`),
    ].map((problem) => `${file}: ${problem}`);
  });
};

/** An alert says what happened, what to do, and where its runbook is; its name is unique. */
export const alerts: Rule = (repository) => {
  const all = ofKind(repository, 'PrometheusRule').flatMap(alertsOf);
  return all.flatMap(({ file, alert, rule }) => {
    const expected = `{{ or $externalLabels.runbooks "knative/README.md" }}#${alert.toLowerCase()}`;
    return [
      ...(['critical', 'warning'].includes(String(at(rule, 'labels', 'severity')))
        ? []
        : ['its severity is neither critical nor warning']),
      ...['summary', 'description']
        .filter((text) => !at(rule, 'annotations', text))
        .map((text) => `its ${text} is missing`),
      ...(at(rule, 'annotations', 'runbook_url') === expected ? [] : [`its runbook_url is not ${expected}`]),
      ...(all.filter((one) => one.alert === alert).length === 1 ? [] : ['another alert has this name']),
    ].map((problem) => `${file}: ${alert}: ${problem}`);
  });
};

/** The alerts of a PrometheusRule. */
function alertsOf({ file, content }: Resource): { file: string; alert: string; rule: unknown }[] {
  return list(at(content, 'spec', 'groups'))
    .flatMap((group) => list(at(group, 'rules')))
    .filter((rule) => at(rule, 'record') === undefined)
    .map((rule) => ({ file, alert: String(at(rule, 'alert')), rule }));
}

function mayGoTo(repository: Repository, namespace: string): boolean {
  return ofKind(repository, 'NetworkPolicy')
    .filter(({ content }) => at(content, 'spec', 'podSelector', 'matchLabels', 'app') === 'prometheus')
    .flatMap(({ content }) => list(at(content, 'spec', 'egress')))
    .flatMap((egress) => list(at(egress, 'to')))
    .flatMap((to) => list(at(to, 'namespaceSelector', 'matchExpressions')))
    .some((expression) => list(at(expression, 'values')).includes(namespace));
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
