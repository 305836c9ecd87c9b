import * as v from 'valibot';
import { widgetOf, type FieldEntries } from './fields.ts';

/** A form's schema: `v.object({…})`, or a pipe of it with `v.title` and `v.description` for the page. */
export type FormSchema = v.GenericSchema<Record<string, unknown>, Record<string, string>> & {
  entries: FieldEntries;
};

/** A field that was refused: `path` is the field's name, or '' for the form as a whole. */
export interface FieldError {
  path: string;
  message: string;
}

export type Checked =
  | { data: Record<string, string>; errors: [] }
  | { data: undefined; errors: FieldError[] };

/** Takes the schema's fields out of a parsed body (others are dropped), sanitizes and validates them. */
export function checkFields(schema: FormSchema, body: Record<string, unknown>): Checked {
  const input: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(schema.entries)) {
    const value = Object.hasOwn(body, key) ? body[key] : undefined;
    const clean = typeof value === 'string' ? sanitize(value, widgetOf(field).input === 'textarea') : value;
    if (clean !== '' && clean !== undefined && clean !== null) input[key] = clean;
  }
  const result = v.safeParse(schema, input, { abortPipeEarly: true });
  if (result.success) return { data: result.output, errors: [] };
  return { data: undefined, errors: result.issues.map((issue) => fieldError(schema, input, issue)) };
}

/** What a person typed, as it is kept: control characters removed, line ends as \n, no white space around it. */
function sanitize(value: string, lines: boolean): string {
  if (!/\p{Cc}/u.test(value)) return value.trim();
  const clean = value.replace(/\r\n?/g, '\n').replace(/[^\P{Cc}\n\t]/gu, '');
  return (lines ? clean : clean.replace(/[\n\t]+/g, ' ')).trim();
}

function fieldError(
  schema: FormSchema,
  input: Record<string, unknown>,
  issue: v.BaseIssue<unknown>,
): FieldError {
  const path = v.getDotPath(issue) ?? '';
  const field = schema.entries[path];
  if (!field || Object.hasOwn(input, path)) return { path, message: issue.message };
  const title = v.getTitle(field) ?? path;
  return {
    path,
    message: widgetOf(field).input === 'select' ? `Choose an option for “${title}”.` : `Fill in “${title}”.`,
  };
}
