import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyProject } from '../../testing/formbus.ts';
import { longWordsForm } from './submitter.ts';

/** The longest texts that are allowed, in letters that take nine characters each when percent-encoded. */
const words = { subject: 'धन्यवाद '.padEnd(150, 'ऋ'), intro: 'आ'.repeat(1_000), outro: 'ह'.repeat(1_000) };

/** A copy of this project with another form, whose mails have the longest texts, and without a limit on mails. */
export function makeProject(root: string): void {
  copyProject(root);
  const caps = ['MAILS_PER_DOMAIN', 'MAILS_PER_FORM'].map((name) => `  ${name}: '10000000'\n`).join('');
  change(root, 'knative/config.yaml', (config) => config.replace(/(?<=^data:\n)/m, caps));
  const [name, model] = [longWordsForm, 'student-data-form'];
  mkdirSync(join(root, 'functions/forms', name));
  change(
    root,
    `functions/forms/${model}/${model}.ts`,
    (code) =>
      code
        .replace('studentDataForm', 'longWordsForm')
        .replace(model, name)
        .replace(/,\n\);\n$/, `,\n{ mail: ${JSON.stringify(words)} });\n`),
    `functions/forms/${name}/${name}.ts`,
  );
  change(
    root,
    `knative/forms/${model}.yaml`,
    (manifest) => manifest.replaceAll(model, name),
    `knative/forms/${name}.yaml`,
  );
}

function change(root: string, from: string, edit: (text: string) => string, to = from) {
  const [before, file] = [readFileSync(join(root, from), 'utf8'), join(root, to)];
  const after = edit(before);
  if (after === before)
    throw new Error(`${from} is not as expected: chaos/traffic/project.ts has to be adapted`);
  writeFileSync(file, after);
}
