import { parseArgs } from 'node:util';
import { command } from '../cli/command.ts';
import { projectRoot } from '../cli/root.ts';
import { addressOf } from '../tools/client/running.ts';
import { curlOf, exampleCurl } from '../runner/gateway/example.ts';
import { planForm, planTask } from '../tools/new/plan.ts';
import { writeAll } from '../tools/new/write.ts';

const help = `Writes a new form or task: the code, its test and the manifests, made from demo-form or demo-task.

  npm run new -- form NAME
  npm run new -- task NAME [--form F] [--type T]

  NAME       small letters, digits and dashes, such as visitor-book
  --form F   the task takes what this form sends (default: what any form sends)
  --type T   the type of event that it takes (default form.submitted)
  --help     prints this text

No file that stands is changed. An npm start that runs takes the new function up at once.
`;

/** Where an npm start runs, or will when it is told nothing else. */
function addressToShow(): string {
  try {
    return addressOf({});
  } catch {
    return 'http://127.0.0.1:8080';
  }
}

async function main() {
  const { values, positionals } = parseArgs({
    options: {
      form: { type: 'string' },
      type: { type: 'string' },
    },
    allowPositionals: true,
  });
  const [kind, name, ...more] = positionals;
  if ((kind !== 'form' && kind !== 'task') || name === undefined || more.length > 0) {
    throw new Error('say what to make and its name: form NAME or task NAME; see --help');
  }
  if (kind === 'form' && (values.form ?? values.type) !== undefined) {
    throw new Error('--form and --type are for tasks');
  }
  const root = projectRoot();
  const files = kind === 'form' ? await planForm(root, name) : await planTask(root, name, values);
  writeAll(root, files);
  const url = addressToShow();
  const curl =
    kind === 'form' ? curlOf(name, url, 'demo-form') : exampleCurl([values.form ?? 'demo-form'], url);
  console.log(`${files.map(({ file }) => file).join('\n')}

Next:
  npm start   # unless it runs: then it has this within seconds
  ${curl}
  npm exec -- vitest run functions/${kind}s/${name}/
`);
}

command(help, main, { failed: 1 });
