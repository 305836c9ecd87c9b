import * as v from 'valibot';
import { confirmationOf } from '../fields/field.ts';
import type { FormSchema } from './form-schema.ts';

const text = (max: number) =>
  v.pipe(
    v.string(),
    v.maxLength(max, `longer than ${max} characters`),
    v.regex(/^(?:\P{Cc}|\n)+$/u, 'empty, or with control characters'),
  );

/** A form's own words in the mail that confirms a submission; what is left out has the words that all forms share. */
export const MailTexts = v.strictObject({
  subject: v.optional(v.pipe(text(150), v.regex(/^.+$/, 'of several lines'))),
  /** Paragraphs, with an empty line between them: before the reference, and after it. */
  intro: v.optional(text(1_000)),
  outro: v.optional(text(1_000)),
});
export type MailTexts = v.InferOutput<typeof MailTexts>;

/** How a form's wish for a confirmation travels: as an attribute of its events. So a form of another image or language is confirmed, too. */
export interface MailAttributes {
  /** The name of the field that holds the address. */
  mailto?: string;
}

/**
 * Which field's address gets the mail: that of the only e-mail field, or of the one that says `confirm: true`. None, no mail.
 * @throws Error when the schema does not say which one, or the texts are not fit for a mail
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
