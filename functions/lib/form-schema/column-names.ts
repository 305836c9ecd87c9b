import { isFieldName } from '../event/field-name.ts';
import type { FormSchema } from './form-schema.ts';
import { titleOf } from '../fields/field.ts';

/** The headings of Formbus's own columns, in sheets and exports. */
const own = ['id', 'time', 'type', 'form'];

/**
 * A field's name and title become headings of columns.
 * @throws Error when a name is not allowed, or two columns would have the same heading
 */
export function refuseColumns(form: string, { entries }: FormSchema): void {
  const names = Object.keys(entries);
  const odd = names.filter((name) => !isFieldName(name));
  if (odd.length > 0)
    throw new Error(
      `Form ${form}: rename ${odd.join(', ')}; a field is named by letters, digits, _ and -, and not constructor or prototype.`,
    );
  const titles = Object.entries(entries).map(([name, field]) => titleOf(field) ?? name);
  for (const headings of [names, titles]) {
    const taken = new Set(own);
    for (const heading of headings) {
      if (taken.has(heading.toLowerCase()))
        throw new Error(
          `Form ${form}: rename the field “${heading}”: another column has that heading (${own.join(', ')} are Formbus's own).`,
        );
      taken.add(heading.toLowerCase());
    }
  }
}
