import { createHmac } from 'node:crypto';
import { Refused, type Submission } from 'formbus';
import * as v from 'valibot';
import { emailAddress } from '../../../lib/fields/email-address.ts';

const Address = emailAddress('no e-mail address');

/**
 * The address in the field that the form names by `mailto`. Undefined when the form names none, or the person left it empty. The
 * address is checked again, because the event may come from another program than our forms.
 * @throws Refused when the field is missing or holds anything but one address
 */
export function recipientOf({ mailto, data }: Submission): string | undefined {
  if (mailto === undefined) return undefined;
  const value = typeof mailto === 'string' ? data[mailto] : undefined;
  if (value === '') return undefined;
  const { success, output } = v.safeParse(Address, value);
  if (!success) throw new Refused('The field that the attribute mailto names holds no e-mail address.');
  return output;
}

/** The domain of an address, in lower case. */
export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1).toLowerCase();
}

/** Hashes a recipient and its domain. Spellings of one mailbox count as one: capitals, `+tag`, and Gmail's dots. */
export function recipientKeys(address: string, secret: string): { recipient: string; domain: string } {
  const domain = domainOf(address);
  const local = address
    .slice(0, address.lastIndexOf('@'))
    .toLowerCase()
    .replace(/(?<=.)\+.*$/, '');
  const plain = domain === 'gmail.com' || domain === 'googlemail.com' ? local.replaceAll('.', '') : local;
  const key = (text: string) => createHmac('sha256', secret).update(text).digest('base64url');
  return { recipient: key(`${plain}@${domain}`), domain: key(domain) };
}
