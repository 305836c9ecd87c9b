import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { annotationItems, annotationsSchema } from './annotations.ts';
import { config, problems, service } from './manifests-testing.ts';
import { readResources } from './manifest-files.ts';

const root = join(import.meta.dirname, '../..');
const file = join(root, 'knative/annotations.schema.json');

test('knative/annotations.schema.json says what the table says', () => {
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(annotationsSchema());
});

describe('the parser and the schema for editors', () => {
  const accepts = new Ajv({ strictTypes: false }).compile(JSON.parse(readFileSync(file, 'utf8')));
  const annotated = (manifest: string, annotations: object) => {
    const content = parse(manifest);
    return stringify({ ...content, metadata: { ...content.metadata, annotations } });
  };
  const task = (annotations: object) =>
    ['knative/tasks/task.yaml', annotated(service(), annotations)] as const;
  const map = (annotations: object) =>
    ['knative/config.yaml', annotated(config({ SIZE: '1' }), annotations)] as const;

  test.each([
    ['a reply', task({ 'formbus.dev/replies': 'form.analyzed' })],
    ['several replies', task({ 'formbus.dev/replies': 'form.analyzed, audit.completed' })],
    ['other tools’ annotations', task({ 'example.org/owner': 'asha' })],
    ['keys of a Secret', map({ 'formbus.dev/secret-keys': 'google-credentials.json,smtp-user' })],
    ['no keys', map({ 'formbus.dev/secret-keys': '' })],
  ])('both take %s', (_, [path, text]) => {
    expect(problems({ [path]: text })).toEqual([]);
    expect(accepts(parse(text))).toBe(true);
  });

  test.each([
    ['a misspelt name', task({ 'formbus.dev/reply': 'form.analyzed' }), 'is not an annotation of Formbus'],
    [
      'one of another kind',
      map({ 'formbus.dev/replies': 'form.analyzed' }),
      'is not an annotation of Formbus',
    ],
    ['a malformed list', task({ 'formbus.dev/replies': 'form.analyzed,,x' }), 'must be a list with commas'],
  ])('both refuse %s', (_, [path, text], message) => {
    expect(problems({ [path]: text })).toEqual([expect.stringContaining(message)]);
    expect(accepts(parse(text))).toBe(false);
  });

  test('both take every manifest of this repository', () => {
    const refused = readResources(root).resources.filter(({ content }) => !accepts(content));
    expect(refused.map(({ file }) => file)).toEqual([]);
  });
});

test('items are trimmed; a missing annotation has none', () => {
  expect(annotationItems({ 'formbus.dev/replies': ' a , b' }, 'formbus.dev/replies')).toEqual(['a', 'b']);
  expect(annotationItems(undefined, 'formbus.dev/replies')).toEqual([]);
});
