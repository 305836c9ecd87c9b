import * as v from 'valibot';
import { emailAddress } from '../../../lib/fields/email-address.ts';

/** A sender: an address, and the name that people read or ''. */
export interface Mailbox {
  name: string;
  address: string;
}

const message = 'not one address, like forms@example.org or Formbus <forms@example.org>';
const Address = emailAddress(message);

/** Reads `forms@example.org` and `Formbus <forms@example.org>`. */
export const mailbox = v.pipe(
  v.string(),
  v.regex(/^(?:[^<>\p{Cc}]*<[^<>]+>|[^<>\p{Cc}]+)$/u, message),
  v.transform((text): Mailbox => {
    const [, name = '', address = text] = /^(.*?)\s*<(.+)>$/.exec(text) ?? [];
    return { name: name.replace(/^"(.*)"$/, '$1'), address };
  }),
  v.object({ name: v.string(), address: Address }),
);
