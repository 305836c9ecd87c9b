import * as v from 'valibot';
import { MailTexts } from './confirmation.ts';
import { loadModule } from './load.ts';

const Form = v.looseObject({ name: v.string(), title: v.string(), mail: MailTexts });

/**
 * Loads what a form of this image says of itself, by its name; undefined when there is no such form.
 * @throws Error when its module cannot be loaded
 */
export async function loadForm(name: string): Promise<{ title: string; mail: MailTexts } | undefined> {
  const exported = (await loadModule(name, ['forms'])) ?? [];
  const forms = exported.flatMap((value) => (v.is(Form, value) ? [value] : []));
  return forms.find((form) => form.name === name);
}
