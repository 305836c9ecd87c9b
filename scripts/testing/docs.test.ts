import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import * as v from 'valibot';
import { parseAllDocuments } from 'yaml';
import { readCrds } from '../manifests/rules/crds.ts';

const root = join(import.meta.dirname, '../..');
const pages = ['README.md', 'functions/README.md', 'knative/README.md', 'scripts/README.md'];
const read = (page: string) => readFileSync(join(root, page), 'utf8');

/** As GitHub makes them from headings. */
const anchors = (page: string) =>
  [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(/\s/g, '-'),
  );

it.each(pages)('%s: links lead somewhere, and commands are there', (page) => {
  const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)];
  const broken = links.filter(([, file = '', anchor]) => {
    const target = file === '' ? page : join(dirname(page), file);
    if (!existsSync(join(root, target))) return true;
    return anchor !== undefined && !anchors(target).includes(anchor);
  });
  expect(broken.map(([link]) => link)).toEqual([]);

  const { scripts } = v.parse(
    v.object({ scripts: v.record(v.string(), v.string()) }),
    JSON.parse(read('package.json')),
  );
  const commands = [...read(page).matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name);
  expect(commands.filter((name) => !(name in scripts))).toEqual([]);
});

const crds = process.env['CRDS_DIR'];

it.skipIf(!crds)('the manifests of knative/README.md are what the CRDs take', () => {
  const check = readCrds(crds ?? '');
  const texts = [...read('knative/README.md').matchAll(/```yaml\n([^`]+)```/g)].map(([, text = '']) => text);
  const found = texts
    .flatMap((text) => parseAllDocuments(text))
    .map((document) => {
      const content = v.parse(Manifest, document.toJS());
      const { apiVersion, kind, metadata } = content;
      return { file: metadata.name, name: metadata.name, apiVersion, kind, content };
    });
  expect(found.map(({ kind }) => kind)).toEqual(['Service', 'Trigger']);
  expect(found.flatMap(check)).toEqual([]);
});

const Manifest = v.looseObject({
  apiVersion: v.string(),
  kind: v.string(),
  metadata: v.looseObject({ name: v.string() }),
});
