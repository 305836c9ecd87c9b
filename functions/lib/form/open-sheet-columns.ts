import { loadForm } from './load-form.ts';
import { reasonOf, type Log } from '../runtime/log.ts';
import type { SheetColumns } from '../form-schema/sheet-columns.ts';

/**
 * Reads the columns of a form's fields from its module in this image, because events carry texts only. Fields of a form that is not in
 * this image are texts under their names.
 */
export function openSheetColumns(log: Log): (form: string) => Promise<SheetColumns> {
  const known = new Map<string, Promise<SheetColumns>>();

  async function read(form: string): Promise<SheetColumns> {
    const found = await loadForm(form).catch((error: unknown) => {
      log.error(
        { form, reason: reasonOf(error) },
        'the form could not be loaded; its fields are written as texts',
      );
    });
    return found?.columns ?? {};
  }

  return (form) => {
    const columns = known.get(form) ?? read(form);
    known.set(form, columns);
    return columns;
  };
}
