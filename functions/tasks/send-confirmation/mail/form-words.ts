import type { MailTexts } from '../../../lib/form-schema/mail-texts.ts';
import { humanName } from '../../../lib/form-schema/human-name.ts';
import { loadForm } from '../../../lib/form/load-form.ts';
import { reasonOf, type Log } from '../../../lib/runtime/log.ts';

/** A form's title for people and its own words in the mail. */
export interface FormWords extends MailTexts {
  title: string;
}

/**
 * Reads a form's words from its module in this image. They do not travel with the events: Knative's ingresses take 8 kB of headers,
 * and a thousand characters of Devanagari are 9 kB. A form of another image gets the default words.
 * The module is loaded for the first mail, not at the start.
 */
export function openFormWords(log: Log): (form: string) => Promise<FormWords> {
  const known = new Map<string, Promise<FormWords>>();

  async function read(form: string): Promise<FormWords> {
    const found = await loadForm(form).catch((error: unknown) => {
      log.error({ form, reason: reasonOf(error) }, 'the form could not be loaded');
    });
    if (found) return { ...found.mail, title: found.title };
    log.warn({ form }, 'this image has no such form; its mails have the default words');
    return { title: humanName(form) };
  }

  return (form) => {
    const words = known.get(form) ?? read(form);
    known.set(form, words);
    return words;
  };
}
