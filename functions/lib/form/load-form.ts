import * as v from 'valibot';
import { MailTexts } from '../form-schema/mail-texts.ts';
import { loadModule } from '../runtime/load.ts';
import { SheetColumns } from '../form-schema/sheet-columns.ts';

const Form = v.looseObject({
  name: v.string(),
  title: v.string(),
  mail: MailTexts,
  columns: SheetColumns,
});

/**
 * Loads the title, mail texts and columns of a form of this image by its name; undefined when there is no such form. `npm start` takes
 * a function that imports this to depend on every form, and restarts it when a form changes.
 * @throws Error when its module cannot be loaded
 */
export async function loadForm(name: string): Promise<v.InferOutput<typeof Form> | undefined> {
  const exported = (await loadModule(name, ['forms'])) ?? [];
  const forms = exported.flatMap((value) => {
    const { success, output } = v.safeParse(Form, value);
    return success ? [output] : [];
  });
  return forms.find((form) => form.name === name);
}
