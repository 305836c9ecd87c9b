import * as v from 'valibot';
import { widgetOf, type FieldEntries } from './fields.ts';
import { loadModule } from './load.ts';
import { reasonOf, type Log } from './log.ts';

const SheetColumns = v.record(
  v.string(),
  v.object({ title: v.string(), kind: v.picklist(['text', 'number']) }),
);
/** What a form's fields are in a sheet, by the field's name: the heading of the column, and what stands in it. */
export type SheetColumns = v.InferOutput<typeof SheetColumns>;

export function sheetColumns(entries: FieldEntries): SheetColumns {
  return Object.fromEntries(
    Object.entries(entries).map(([key, field]) => [
      key,
      {
        title: v.getTitle(field) ?? key,
        kind: widgetOf(field).inputmode === 'decimal' ? 'number' : 'text',
      },
    ]),
  );
}

const Form = v.looseObject({ name: v.string(), columns: SheetColumns });

/**
 * Reads what a form's fields are from its module, in this image: events carry texts only. The fields of a form that is not in it
 * are texts, under their names.
 */
export function openSheetColumns(log: Log): (form: string) => Promise<SheetColumns> {
  const known = new Map<string, Promise<SheetColumns>>();

  async function read(form: string): Promise<SheetColumns> {
    const exported = await loadModule(form, ['forms']).catch((error: unknown) => {
      log.error(
        { form, reason: reasonOf(error) },
        'the form could not be loaded; its fields are written as texts',
      );
    });
    for (const value of exported ?? []) {
      const { success, output } = v.safeParse(Form, value);
      if (success && output.name === form) return output.columns;
    }
    return {};
  }

  return (form) => {
    const columns = known.get(form) ?? read(form);
    known.set(form, columns);
    return columns;
  };
}

/** The columns of a tab that several forms share. What is a number in one form and a text in another is a text. */
export function sharedColumns(forms: SheetColumns[]): SheetColumns {
  const shared: SheetColumns = {};
  for (const [key, column] of forms.flatMap((form) => Object.entries(form))) {
    const { title = column.title, kind = column.kind } = shared[key] ?? {};
    shared[key] = { title, kind: kind === column.kind ? kind : 'text' };
  }
  return shared;
}
