import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as v from 'valibot';
import { parseAllDocuments } from 'yaml';
import { readCrds } from '../manifests/rules/crds.ts';

const root = join(import.meta.dirname, '../..');
const rooms = 'functions,eventing,knative,scripts';
const pages = globSync(['*.md', '.github/**/*.md', `{${rooms}}/**/*.md`], { cwd: root });
const workflows = globSync('.github/workflows/*.yaml', { cwd: root });
const read = (page: string) => readFileSync(join(root, page), 'utf8');

const { version, scripts, devDependencies } = v.parse(
  v.object({
    version: v.string(),
    scripts: v.record(v.string(), v.string()),
    devDependencies: v.looseObject({ node: v.string() }),
  }),
  JSON.parse(read('package.json')),
);

/** As GitHub makes them from headings. */
const anchors = (page: string) =>
  [...read(page).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\s-]/g, '')
      .replaceAll(/\s/g, '-'),
  );

describe.each(pages)('%s', (page) => {
  it('has links and anchors that lead somewhere', () => {
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)];
    const broken = links.filter(([, file = '', anchor]) => {
      const target = file === '' ? page : join(dirname(page), file);
      if (!existsSync(join(root, target))) return true;
      return anchor !== undefined && !anchors(target).includes(anchor);
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });

  it('names only commands that package.json has', () => {
    const commands = [...read(page).matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name);
    expect(commands.filter((name) => !(name in scripts))).toEqual([]);
  });

  it('names only files and folders that exist', () => {
    const named = [...read(page).matchAll(/`((?:functions|eventing|knative|scripts|platform)\/[\w./-]+)`/g)];
    const paths = named.map(([, path = '']) => path).filter((path) => !/[A-Z]{2}|visitor-book/.test(path));
    expect(paths.filter((path) => ![path, `knative/${path}`].some(isThere))).toEqual([]);
  });

  it('has no line of more than 160 characters', () => {
    const long = read(page)
      .split('\n')
      .flatMap((line, i) => (line.length > 160 ? [`line ${i + 1}`] : []));
    expect(long).toEqual([]);
  });
});

const isThere = (path: string) => existsSync(join(root, path));

it('the README is read in one sitting', () => {
  expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(150);
});

it('each npm command is in a document', () => {
  const text = pages.map(read).join('\n');
  const isDocumented = (name: string) => new RegExp(`npm (run )?${name}(?![\\w:-])`).test(text);
  expect(Object.keys(scripts).filter((name) => !isDocumented(name))).toEqual([]);
});

it('the changelog has a section for the version of package.json', () => {
  expect(read('CHANGELOG.md')).toContain(`\n## [${version}]`);
});

it('.nvmrc and the workflows name the pinned Node', () => {
  const node = devDependencies.node;
  expect(read('.nvmrc').trim()).toBe(node.split('.')[0]);
  const images = workflows.flatMap((file) => [...read(file).matchAll(/node:([\d.]+)-/g)]);
  expect(images.map(([, tag]) => tag)).toEqual(workflows.map(() => node));
});

describe.each(workflows)('%s', (file) => {
  it('pins each action by its commit, with the version beside it', () => {
    const uses = read(file)
      .split('\n')
      .filter((line) => line.includes('uses:'));
    expect(uses.length).toBeGreaterThan(0);
    expect(uses.filter((line) => !/uses: [\w-]+\/[\w-]+@[\da-f]{40} # v\d+\.\d+\.\d+$/.test(line))).toEqual(
      [],
    );
  });

  it('runs only commands that package.json has', () => {
    const commands = [...read(file).matchAll(/npm run ([\w:-]+)/g)].map(([, name = '']) => name);
    expect(commands.filter((name) => !(name in scripts))).toEqual([]);
  });
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
