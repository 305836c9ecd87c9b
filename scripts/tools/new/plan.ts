import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FormatOptions } from 'oxfmt';
import { parseDocument } from 'yaml';
import { formbusOf } from '../../cli/root.ts';
import { publishedTypes } from '../../manifests/rules/event-rules.ts';
import type { Resource } from '../../manifests/manifest-files.ts';
import { at, readRepository } from '../../manifests/rules/repository.ts';
import { readTemplate } from '../init/template.ts';
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
  const demo = await demos(root);
  const code = demo.filesOf('forms', 'demo-form');
  const identifier = checkName(root, name, code);
  const words = { 'demo-form': name, demoForm: identifier };
  return formatted(root, renamed([...code, demo.read('knative/forms/demo-form.yaml')], words));
}

/**
 * The files of a new task, made from those of demo-task as they are now.
 * @param only.form the form whose events it takes; without it, all forms'
 * @param only.type the type of event that it takes
 * @throws Error when the name is wrong or taken, or no event would ever arrive
 */
export async function planTask(
  root: string,
  name: string,
  { form, type = 'form.submitted' }: { form?: string | undefined; type?: string | undefined } = {},
): Promise<NewFile[]> {
  const repository = readRepository(root);
  known('form', form, repository.forms);
  known('type of event', type, publishedTypes(repository));
  const demo = await demos(root);
  const code = demo.filesOf('tasks', 'demo-task');
  const identifier = checkName(root, name, code);
  const names = { 'demo-task': name, demoTask: identifier };
  const service = demo.read('knative/tasks/demo-task.yaml');
  const triggers = renamed([demo.read('eventing/triggers/demo-task.yaml')], names).map(({ file, text }) => ({
    file,
    text: filtered(text, { type, ...(form === undefined ? {} : { form }) }),
  }));
  const words = { ...names, 'demo-form': form ?? 'demo-form', 'form.submitted': type };
  return formatted(root, [...renamed(code, words), ...renamed([service], names), ...triggers]);
}

function checkName(root: string, name: string, code: NewFile[]): string {
  const identifier = identifierOf(name, code.map(({ text }) => text).join('\n'));
  const { forms, tasks, resources } = readRepository(root);
  // Resources of the new function itself are checked before they are written.
  const isOwn = ({ apiVersion, content }: Resource) =>
    apiVersion.startsWith('serving.knative.dev/') ||
    at(content, 'spec', 'subscriber', 'ref', 'name') === name;
  const same = resources.find((resource) => resource.name === name && !isOwn(resource));
  if (same) throw new Error(`"${name}" is the name of another resource already: ${same.file}`);
  const other = code[0]?.file.startsWith('functions/forms/') ? tasks : forms;
  if (other.includes(name))
    throw new Error(
      `"${name}" is the name of another function already; each function needs a name that no other has`,
    );
  return identifier;
}

function known(what: string, given: string | undefined, all: string[]) {
  if (given === undefined || all.includes(given)) return;
  throw new Error(`there is no ${what} "${given}"; there are ${all.join(', ')}`);
}

/** The demos of the project; where it has deleted one, that of its Formbus. */
async function demos(root: string) {
  const template = await readTemplate(formbusOf(root));
  const read = (file: string): NewFile => {
    const path = join(root, file);
    return { file, text: existsSync(path) ? readFileSync(path, 'utf8') : (template[file] ?? '') };
  };
  return {
    read,
    /** The code first, then the files next to it. */
    filesOf(kind: 'forms' | 'tasks', name: string): NewFile[] {
      const folder = `functions/${kind}/${name}/`;
      const isTest = (file: string) => Number(file.endsWith('.test.ts'));
      const own = globSync(`${folder}*`, { cwd: root });
      const files = own.length > 0 ? own : Object.keys(template).filter((file) => file.startsWith(folder));
      return files.toSorted((a, b) => isTest(a) - isTest(b)).map(read);
    },
  };
}

/** Replaces words by others, all at once, and drops the demo's remark that it is to be copied. */
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

/** Longer names break lines elsewhere. A project may have another formatter, or none. */
async function formatted(root: string, files: NewFile[]): Promise<NewFile[]> {
  const settings = join(root, '.oxfmtrc.json');
  if (!existsSync(settings)) return files;
  const options: FormatOptions = JSON.parse(readFileSync(settings, 'utf8'));
  const { format } = await import('oxfmt');
  return Promise.all(
    files.map(async ({ file, text }) => {
      const { code, errors } = await format(file, text, options);
      if (errors.length > 0) throw new Error(`${file}: ${errors.map(({ message }) => message).join('; ')}`);
      return { file, text: code };
    }),
  );
}
