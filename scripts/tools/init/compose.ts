import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectPackage } from './project-package.ts';
import type { Template } from './template-type.ts';

/** These are the same in a project as in Formbus; code and manifests are those of the demos and the built-in tasks. */
const sameFiles = [
  '.gitignore',
  '.npmrc',
  'skaffold.yaml',
  'eventing/**/*.yaml',
  'functions/forms/demo-form/*.ts',
  'functions/tasks/demo-task/*.ts',
  'knative/config.yaml',
  'knative/forms/demo-form.yaml',
  'knative/tasks/*.yaml',
];

/** Only in Formbus itself. */
const ownWords = /^!?(scripts|functions\/(testing|README))/;

/** Composes the template from the files of a checkout of Formbus. */
export function composeTemplate(root: string): Template {
  const read = (file: string) => readFileSync(join(root, file), 'utf8');
  const texts = (file: string) => readFileSync(join(import.meta.dirname, 'project', file), 'utf8');
  const same = globSync(sameFiles, { cwd: root })
    .toSorted()
    .map((file) => [file, inProject(read(file))]);
  const { compilerOptions } = JSON.parse(read('tsconfig.json'));
  return {
    ...Object.fromEntries(same),
    '.dockerignore': read('.dockerignore')
      .split('\n')
      .filter((line) => !ownWords.test(line))
      .join('\n'),
    '.github/workflows/test.yaml': texts('test.yaml'),
    Dockerfile: read('Dockerfile').replace('npm ci --ignore-scripts', 'npm ci --omit=dev --ignore-scripts'),
    'README.md': texts('README'),
    'package.json': json(projectPackage(JSON.parse(read('package.json')))),
    'tsconfig.json': json({ compilerOptions, include: ['functions'] }),
  };
}

/** Files of Formbus are among the project's packages. */
const inProject = (text: string) =>
  text.replaceAll('scripts/examples/secret.yaml', 'node_modules/formbus/scripts/examples/secret.yaml');

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
