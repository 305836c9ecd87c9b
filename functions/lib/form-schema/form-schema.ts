import * as v from 'valibot';
import {
  isOptional,
  normaliserOf,
  titleOf,
  widgetOf,
  type Field,
  type FieldEntries,
} from '../fields/field.ts';

/** A form's schema: `v.object({…})`, or a pipe of it with `v.title` and `v.description` for the page, and checks over several fields. */
export type FormSchema = v.GenericSchema<Record<string, unknown>, FieldValues> & { entries: FieldEntries };

type FieldValues = Record<string, string>;
type Action = v.PipeItem<FieldValues, FieldValues, v.BaseIssue<unknown>>;

/** A field that was refused: `path` is the field's name, or '' for the form as a whole. */
export interface FieldError {
  path: string;
  message: string;
}

export type Checked =
  | { data: Record<string, string>; errors: [] }
  | { data: undefined; errors: FieldError[] };

/** The reader of the messages: a person knows an option by its label, a program by its value. */
export type Reader = 'person' | 'program';

/**
 * Returns the check of a form's submissions: it takes the schema's fields out of a parsed body (others are dropped), normalises and
 * validates them. An optional field that was left out, empty or blank is kept as its default, or as ''; valibot alone would let the
 * field's schema refuse that.
 */
export function fieldChecker(schema: FormSchema): (body: Record<string, unknown>, reader: Reader) => Checked {
  const fields = Object.entries(schema.entries).map(([key, field]) => {
    const ifEmpty = isOptional(field) ? (v.getDefault(field) ?? '') : undefined;
    return { key, field, ifEmpty, normalise: normaliserOf(field) };
  });
  const entries = fields.map(({ key, field, ifEmpty }): [string, Field] => [
    key,
    ifEmpty === undefined ? field : v.lazy((value) => (value === ifEmpty ? v.string() : field)),
  ]);
  const whole = v.pipe(v.object(Object.fromEntries(entries)), ...actionsOf(schema));

  return (body, reader) => {
    const input: Record<string, unknown> = {};
    for (const { key, ifEmpty, normalise } of fields) {
      const value = Object.hasOwn(body, key) ? (body[key] ?? '') : '';
      const clean = typeof value === 'string' ? normalise(value) : value;
      if (clean !== '') input[key] = clean;
      else if (ifEmpty !== undefined) input[key] = ifEmpty;
    }
    const result = v.safeParse(whole, input, { abortPipeEarly: true });
    if (result.success) return { data: result.output, errors: [] };
    return {
      data: undefined,
      errors: result.issues.map((issue) => fieldError(schema, input, issue, reader)),
    };
  };
}

/** The steps of a pipe after the object's own check. */
function actionsOf(schema: FormSchema): Action[] {
  if (!isPipe(schema)) return [];
  const [first, ...actions] = schema.pipe;
  return [...actionsOf(first), ...actions];
}

function isPipe(schema: FormSchema): schema is FormSchema & { pipe: [FormSchema, ...Action[]] } {
  return 'pipe' in schema;
}

function fieldError(
  schema: FormSchema,
  input: Record<string, unknown>,
  issue: v.BaseIssue<unknown>,
  reader: Reader,
): FieldError {
  const path = v.getDotPath(issue) ?? '';
  const field = schema.entries[path];
  if (!field) return { path, message: issue.message };
  const title = titleOf(field) ?? path;
  const { input: kind, options } = widgetOf(field);
  const isGiven = Object.hasOwn(input, path);
  if (kind === 'select') {
    if (reader === 'person' && !isGiven) return { path, message: `Choose an option for “${title}”.` };
    const names = options.map(([value, label]) => (reader === 'person' ? label : value));
    return { path, message: `Choose one of: ${names.join(', ')}.` };
  }
  if (!isGiven) return { path, message: `Fill in “${title}”.` };
  return { path, message: typeof input[path] === 'string' ? issue.message : 'Send this as a text.' };
}
