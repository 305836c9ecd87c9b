import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ownRoot } from '../../cli/root.ts';
import type { Template } from './template-type.ts';

/** In the package, where it was written when that was built; a checkout of Formbus is the template itself. */
export const templateFile = 'template.json';

/** What `formbus init` writes. It needs nothing but Node, an old one too, so that it runs before any package is installed. */
export async function readTemplate(formbus = ownRoot): Promise<Template> {
  const file = join(formbus, templateFile);
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8'));
  const { composeTemplate } = await import('./compose.ts');
  return composeTemplate(formbus);
}
