import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { Resource } from '../manifest-files.ts';
import { type Change, changed, resource } from './testing/change.ts';
import { readCrds } from './crds.ts';
import { loops, producers } from './event-rules.ts';
import {
  BUFFER,
  CONFIG,
  CONTAINER,
  DEMO,
  FORM,
  REDIS,
  replies,
  SOURCE,
  TASK,
  TOPIC,
} from './testing/files.ts';
import { MISTAKES } from './testing/mistakes.ts';
import { at, findings, readRepository } from './repository.ts';
import { RULES } from './rules.ts';

const repository = readRepository(join(import.meta.dirname, '../../..'));

describe('the manifests of this repository', () => {
  it('can be run, and every reference in them resolves', () => {
    expect(findings(repository, [])).toEqual([]);
  });

  it.each(Object.entries(RULES))('keep the rule of %s', (_, rule) => {
    expect(findings(repository, [rule])).toEqual([]);
  });

  it('allow sheets-flush the time for its longest run: no new call after 45 s, and a call takes up to 200 s', () => {
    const seconds = at(
      resource(repository, 'knative/tasks/sheets-flush.yaml').content,
      'spec',
      'template',
      'spec',
      'timeoutSeconds',
    );
    expect(seconds).toBeGreaterThan(245);
  });
});

it("functions/README.md's command makes a Secret with the keys of the example, and shows none to other processes", () => {
  const readme = readFileSync(join(import.meta.dirname, '../../../functions/README.md'), 'utf8');
  const [command = ''] = /^kubectl create -f - [^`]*/m.exec(readme) ?? [];
  const said = `kubectl() { echo "# $*"; cat; }; openssl() { echo random; }; base64() { echo e30=; }; ${command.replace('key.json', '/dev/null')}`;
  const printed = execFileSync('sh', ['-c', said], { encoding: 'utf8' });
  expect(printed).toMatch(/^# create -f -\n/);
  const secret: unknown = parse(printed);
  expect([at(secret, 'kind'), at(secret, 'metadata', 'name')]).toEqual(['Secret', 'formbus']);
  const keys = ['stringData', 'data'].flatMap((part) => Object.keys(Object(at(secret, part))));
  expect(keys.toSorted()).toEqual(Object.keys(repository.secrets['formbus'] ?? {}).toSorted());
});

describe('a manifest that breaks a rule is found', () => {
  it.each(MISTAKES)('with %s', (_, changes, finding) => {
    const found = findings(changed(repository, changes), Object.values(RULES));
    expect(found.join('\n')).toContain(finding);
  });

  it('with a function that has no manifest, a manifest that has no function, and one that is too long', () => {
    const forms = [...repository.forms.filter((form) => form !== 'student-data-form'), 'new-form'];
    const changes = { forms, lines: { [TASK]: 61 } };
    const found = findings({ ...repository, ...changes }, Object.values(RULES));
    expect(found).toEqual([
      'functions/forms/new-form: there is no knative/forms/new-form.yaml',
      'knative/forms/student-data-form.yaml: there is no functions/forms/student-data-form/student-data-form.ts',
      `${TASK}: has 61 lines, more than 60`,
    ]);
  });

  it.each<[string, Change[]]>([
    [
      'a reply that another task takes',
      [replies('form.analyzed'), [BUFFER, ['spec', 'filter', 'attributes', 'type'], 'form.analyzed']],
    ],
    ['a filter by an unknown attribute', [[DEMO, ['spec', 'filter', 'attributes', 'flagged'], 'true']]],
    [
      'a filter with not and any',
      [[DEMO, ['spec', 'filters'], [{ not: { any: [{ exact: { form: 'x' } }] } }]]],
    ],
  ])('but not %s', (_, changes) => {
    expect(findings(changed(repository, changes), [producers, loops])).toEqual([]);
  });
});

const CRDS_DIR = process.env['CRDS_DIR'];
if (!CRDS_DIR)
  console.warn(
    'The manifests are not checked against their CRDs: set CRDS_DIR to a folder with them, which scripts/commands/crds.ts downloads.',
  );

describe.skipIf(!CRDS_DIR)('by its CRD', () => {
  let check: (given: Resource) => string[];
  beforeAll(() => {
    check = readCrds(CRDS_DIR ?? '');
  });

  it.each(repository.resources.map((one) => [one.file, one] as const))('%s is valid', (_, one) => {
    expect(check(one)).toEqual([]);
  });

  it.each<[string, Change, string]>([
    [
      'an unknown field',
      [FORM, ['spec', 'template', 'spec', 'timeout'], 3],
      'additional properties {"additionalProperty":"timeout"}',
    ],
    [
      'an unknown field deep inside',
      [FORM, [...CONTAINER, 'securityContext', 'readonly'], true],
      '"readonly"',
    ],
    [
      'a text for a number',
      [SOURCE, ['spec', 'delivery', 'retry'], '500'],
      '/spec/delivery/retry: must be integer',
    ],
    ['a field that is missing', [SOURCE, ['spec', 'topics']], "must have required property 'topics'"],
    [
      'a value that is not listed',
      ['eventing/dead-letters.yaml', ['spec', 'contentMode'], 'x'],
      '/spec/contentMode',
    ],
    ['a number below the least', [TOPIC, ['spec', 'partitions'], 0], '/spec/partitions: must be >= 1'],
    ['a number in a ConfigMap', [CONFIG, ['data', 'SEEN_DAYS'], 45], 'data/SEEN_DAYS must be string'],
    [
      'an unknown field of a built-in kind',
      [REDIS, ['spec', 'template', 'spec', 'containers', 0, 'readyProbe'], {}],
      '/spec/template/spec/containers/0/readyProbe: the field does not exist',
    ],
    [
      'a missing field of a built-in kind',
      [REDIS, ['spec', 'selector']],
      'must have required property selector',
    ],
    ['an unknown kind', [FORM, ['kind'], 'Servise'], 'there is no CRD for serving.knative.dev/v1 Servise'],
  ])('%s is an error', (_, change, problem) => {
    expect(check(resource(changed(repository, [change]), change[0])).join('\n')).toContain(problem);
  });
});
