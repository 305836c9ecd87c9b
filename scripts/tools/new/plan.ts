import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, type FormatOptions } from 'oxfmt';
import { parseDocument } from 'yaml';
import { publishedTypes } from '../../manifests/rules/event-rules.ts';
import type { Resource } from '../../manifests/manifest-files.ts';
import { at, readRepository } from '../../manifests/rules/repository.ts';
import { identifierOf } from './name.ts';

export interface NewFile {
  /** Below the root. */
  file: string;
  text: string;
}

/**
 * The files of a new form, made from those of demo-form as they are now. Each needs only those before it, so that a Formbus that runs can
 * take them up one by one.
 * @throws Error when the name is wrong or taken
 */
export async function planForm(root: string, name: string): Promise<NewFile[]> {
  const code = filesOf(root, 'forms', 'demo-form');
  const identifier = checkName(root, name, code);
  const words = { 'demo-form': name, demoForm: identifier };
  return formatted(root, renamed([...code, read(root, 'knative/forms/demo-form.yaml')], words));
}

/**
 * The files of a new task, made from those of demo-task as they are now.
 * @param only.form the form whose events it takes; without it, all forms'
 * @param only.type the type of event that it takes
 * @throws Error when the name is wrong or taken, or nothing would ever come
 */
export async function planTask(
  root: string,
  name: string,
  { form, type = 'form.submitted' }: { form?: string | undefined; type?: string | undefined } = {},
): Promise<NewFile[]> {
  const repository = readRepository(root);
  known('form', form, repository.forms);
  known('type of event', type, publishedTypes(repository));
  const code = filesOf(root, 'tasks', 'demo-task');
  const identifier = checkName(root, name, code);
  const names = { 'demo-task': name, demoTask: identifier };
  const service = read(root, 'knative/tasks/demo-task.yaml');
  const triggers = renamed([read(root, 'eventing/triggers/demo-task.yaml')], names).map(({ file, text }) => ({
    file,
    text: filtered(text, { type, ...(form === undefined ? {} : { form }) }),
  }));
  const words = { ...names, 'demo-form': form ?? 'demo-form', 'form.submitted': type };
  return formatted(root, [...renamed(code, words), ...renamed([service], names), ...triggers]);
}

function checkName(root: string, name: string, code: NewFile[]): string {
  const identifier = identifierOf(name, code.map(({ text }) => text).join('\n'));
  const { forms, tasks, resources } = readRepository(root);
  // Those that the function itself brings are looked for before they are written.
  const isOwn = ({ apiVersion, content }: Resource) =>
    apiVersion.startsWith('serving.knative.dev/') ||
    at(content, 'spec', 'subscriber', 'ref', 'name') === name;
  const same = resources.find((resource) => resource.name === name && !isOwn(resource));
  if (same) throw new Error(`"${name}" is the name of another resource already: ${same.file}`);
  const other = code[0]?.file.startsWith('functions/forms/') ? tasks : forms;
  if (other.includes(name))
    throw new Error(`"${name}" is the name of another function already; names are for one only`);
  return identifier;
}

function known(what: string, given: string | undefined, all: string[]) {
  if (given === undefined || all.includes(given)) return;
  throw new Error(`there is no ${what} "${given}"; there are ${all.join(', ')}`);
}

/** The code first, then what is beside it. */
function filesOf(root: string, kind: 'forms' | 'tasks', name: string): NewFile[] {
  const isTest = (file: string) => Number(file.endsWith('.test.ts'));
  const files = globSync(`functions/${kind}/${name}/*`, { cwd: root });
  return files.toSorted((a, b) => isTest(a) - isTest(b)).map((file) => read(root, file));
}

function read(root: string, file: string): NewFile {
  return { file, text: readFileSync(join(root, file), 'utf8') };
}

/** Puts words in the place of others, all in one go; the remark that the demo is the one to copy is for the demo only. */
function renamed(files: NewFile[], words: Record<string, string>): NewFile[] {
  const pattern = new RegExp(
    Object.keys(words)
      .join('|')
      .replaceAll('.', String.raw`\.`),
    'g',
  );
  const replace = (text: string) => text.replaceAll(pattern, (word) => words[word] ?? word);
  const withoutRemark = (text: string) => text.replace(/^\/\*\* The (form|task) to copy.*\*\/\n/m, '');
  return files.map(({ file, text }) => ({ file: replace(file), text: replace(withoutRemark(text)) }));
}

function filtered(trigger: string, attributes: Record<string, string>): string {
  const document = parseDocument(trigger);
  document.setIn(['spec', 'filter', 'attributes'], document.createNode(attributes));
  return document.toString({ lineWidth: 0 });
}

/** Longer names break lines elsewhere. */
async function formatted(root: string, files: NewFile[]): Promise<NewFile[]> {
  const options: FormatOptions = JSON.parse(readFileSync(join(root, '.oxfmtrc.json'), 'utf8'));
  return Promise.all(
    files.map(async ({ file, text }) => {
      const { code, errors } = await format(file, text, options);
      if (errors.length > 0) throw new Error(`${file}: ${errors.map(({ message }) => message).join('; ')}`);
      return { file, text: code };
    }),
  );
}
