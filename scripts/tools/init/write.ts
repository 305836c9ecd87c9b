import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { baselineFile, baselineOf } from './baseline.ts';
import type { Template } from './template-type.ts';

/**
 * Writes a new project.
 * @param formbus what npm installs as `formbus`, if not the version that the template names
 * @throws Error when the folder has something in it, or its name is no package's
 */
export function writeProject(
  folder: string,
  template: Template,
  { formbus }: { formbus?: string | undefined } = {},
) {
  const name = basename(folder);
  if (!/^[a-z0-9][a-z0-9._-]{0,213}$/.test(name))
    throw new Error(
      `"${name}" cannot be the name of a package: use small letters, digits and dashes, such as my-forms`,
    );
  if (existsSync(folder) && readdirSync(folder).some((file) => file !== '.git'))
    throw new Error(
      `${folder} is not empty. Nothing was written; name a folder that is empty or does not exist yet.`,
    );
  const files = {
    ...template,
    'package.json': packageOf(template, name, formbus),
    'README.md': (template['README.md'] ?? '').replace('# my-forms', `# ${name}`),
    [baselineFile]: baselineOf(template),
  };
  for (const [file, text] of Object.entries(files)) {
    const path = join(folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { flag: 'wx' });
  }
}

function packageOf(template: Template, name: string, formbus: string | undefined): string {
  const content = JSON.parse(template['package.json'] ?? '{}');
  const dependencies = { ...content.dependencies, ...(formbus === undefined ? {} : { formbus }) };
  return `${JSON.stringify({ ...content, name, dependencies }, null, 2)}\n`;
}
