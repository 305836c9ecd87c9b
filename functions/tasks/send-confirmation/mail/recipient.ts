import { createHmac } from 'node:crypto';
import { Refused, type Submission } from 'formbus';
import * as v from 'valibot';
import { emailAddress } from '../../../lib/fields/email-address.ts';

const Address = emailAddress('no e-mail address');

/**
 * The address that a submission is confirmed to: what stands in the field that its form names by `mailto`. Undefined when the
 * form names none, or the person left it empty. It is checked anew: the event is what a form says, and not only our forms may.
 * @throws Refused when the form names a field that there is not, or something else than one address stands there
 */
export function recipientOf({ mailto, data }: Submission): string | undefined {
  if (mailto === undefined) return undefined;
  const value = typeof mailto === 'string' ? data[mailto] : undefined;
  if (value === '') return undefined;
  const { success, output } = v.safeParse(Address, value);
  if (!success) throw new Refused('The field that the attribute mailto names holds no e-mail address.');
  return output;
}

/** Of an address, in small letters. */
export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1).toLowerCase();
}

/** Names a recipient without telling who it is, and his domain. Ways to write one mailbox count as one: capitals, `+tag`, and Gmail's dots. */
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
