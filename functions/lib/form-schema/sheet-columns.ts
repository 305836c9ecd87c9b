import * as v from 'valibot';
import { Column, columnOf, titleOf, type FieldEntries } from '../fields/field.ts';

export const SheetColumns = v.record(v.string(), v.object({ title: v.string(), kind: Column }));
/** The columns of a form's fields, by the field's name: the heading, and what the cells hold. */
export type SheetColumns = v.InferOutput<typeof SheetColumns>;

export function sheetColumns(entries: FieldEntries): SheetColumns {
  return Object.fromEntries(
    Object.entries(entries).map(([key, field]) => [
      key,
      { title: titleOf(field) ?? key, kind: columnOf(field) },
    ]),
  );
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
