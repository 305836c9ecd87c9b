import * as v from 'valibot';
import { confirmationOf } from '../fields/field.ts';
import type { FormSchema } from './form-schema.ts';

const text = (max: number) =>
  v.pipe(
    v.string(),
    v.maxLength(max, `longer than ${max} characters`),
    v.regex(/^(?:\P{Cc}|\n)+$/u, 'empty, or with control characters'),
  );

/** A form's own words in the mail that confirms a submission; default words, the same for all forms, replace what is left out. */
export const MailTexts = v.strictObject({
  subject: v.optional(v.pipe(text(150), v.regex(/^.+$/, 'of several lines'))),
  /** Paragraphs, with an empty line between them: before the reference, and after it. */
  intro: v.optional(text(1_000)),
  outro: v.optional(text(1_000)),
});
export type MailTexts = v.InferOutput<typeof MailTexts>;

/** A form asks for a confirmation by an attribute of its events. So the task also confirms forms of another image or language. */
export interface MailAttributes {
  /** The name of the field that holds the address. */
  mailto?: string;
}

/**
 * Chooses the field whose address gets the mail: the only e-mail field, or the one with `confirm: true`. Without either, no mail is sent.
 * @throws Error when the schema leaves the choice open, or a text is not allowed in a mail
 */
export function mailAttributes(name: string, schema: FormSchema, texts: MailTexts = {}): MailAttributes {
  const fields = Object.entries(schema.entries);
  const named = (wish: 'yes' | 'maybe') =>
    fields.flatMap(([key, field]) => (confirmationOf(field) === wish ? [key] : []));
  const chosen = named('yes');
  const [mailto, ...others] = chosen.length > 0 ? chosen : named('maybe');
  if (others.length > 0)
    throw new Error(
      `Form ${name}: say which of the e-mail fields ${[mailto, ...others].join(', ')} gets the confirmation mail: email('…', { confirm: true }) for one, or { confirm: false } for the others.`,
    );
  const { success, issues } = v.safeParse(MailTexts, texts);
  if (!success) {
    const wrong = issues.map((issue) => `${v.getDotPath(issue)} is ${issue.message}`);
    throw new Error(`Form ${name}: in the texts of its mail, ${wrong.join(', ')}.`);
  }
  if (mailto !== undefined) return { mailto };
  if (Object.keys(texts).length > 0)
    throw new Error(`Form ${name}: it has texts for a mail, but no e-mail field to send it to.`);
  return {};
}
