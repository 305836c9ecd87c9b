import * as v from 'valibot';
import { badField, type GoogleError } from '../grid/google-error.ts';
import { guessed, seen } from '../grid/texts.ts';

/** @throws GoogleError 400 that names the field at fault the way Google does (`requests[0].add_sheet.properties`) */
export function parseBody<Schema extends v.GenericSchema>(
  schema: Schema,
  body: unknown,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, body, { abortEarly: true });
  if (result.success) return result.output;
  throw fieldError(result.issues[0]);
}

function fieldError(issue: v.BaseIssue<unknown>): GoogleError {
  const keys = issue.path?.map(({ key }) => key) ?? [];
  // valibot's name for a key that a strict object does not have.
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    const at = protoPath(keys.slice(0, -1));
    return badField(at, seen.unknownName(String(keys.at(-1)), at));
  }
  return badField(protoPath(keys), guessed.invalidValue(protoPath(keys), issue.message));
}

function protoPath(keys: unknown[]): string {
  return keys
    .map((key) =>
      typeof key === 'number'
        ? `[${key}]`
        : `.${String(key).replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`,
    )
    .join('')
    .replace(/^\./, '');
}
