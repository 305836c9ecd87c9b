import { expect, it } from 'vitest';
import { baselineOf, digestOf } from '../../tools/init/baseline.ts';
import { compare } from './compare.ts';

const file = 'knative/tasks/archive.yaml';
const old = 'spec: { timeout: 30, scale: 5 }\n';
const wanted = 'spec: { timeout: 60, scale: 5 }\n';
const base = { [file]: digestOf(old) };
const findings = (own: string | undefined, baseline: Record<string, string> = base) =>
  compare({ [file]: wanted }, () => own, baseline);

it('finds nothing in a file that is as this Formbus wants it, or that only the project has changed', () => {
  expect(findings(wanted)).toEqual([]);
  expect(findings('spec: { timeout: 5 }\n', { [file]: digestOf(wanted) })).toEqual([]);
});

it('finds a file older that the project has not changed', () => {
  expect(findings(old)).toEqual([{ file, kind: 'older' }]);
});

it('lists the differences of a file that both have changed', () => {
  expect(findings('spec: { timeout: 30, scale: 9 }\n')).toEqual([
    {
      file,
      kind: 'changed by both',
      differences: ['spec.timeout: here 30, in Formbus 60', 'spec.scale: here 9, in Formbus 5'],
    },
  ]);
});

it('finds a file that this Formbus has added, but not one that the project has deleted', () => {
  expect(findings(undefined, {})).toEqual([{ file, kind: 'new' }]);
  expect(findings(undefined)).toEqual([]);
});

it('finds a file that this Formbus does not use any more', () => {
  expect(compare({}, () => old, base)).toEqual([{ file, kind: 'no longer used' }]);
});

it('compares manifests only: code and documents are the project’s own', () => {
  const template = { 'functions/forms/demo-form/demo-form.ts': 'new', 'README.md': 'new' };
  expect(JSON.parse(baselineOf(template))).toEqual({});
  expect(compare(template, () => 'old', {})).toEqual([]);
});
