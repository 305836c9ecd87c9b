import { createHmac } from 'node:crypto';
import * as v from 'valibot';
import { emailAddress } from '../../lib/email-address.ts';
import type { Submission } from '../../lib/event.ts';
import { HttpError } from '../../lib/http.ts';

const Address = emailAddress('no e-mail address');

/**
 * The address that a submission is confirmed to: what stands in the field that its form names by `mailto`. Undefined when the
 * form names none, or the person left it empty. It is checked anew: the event is what a form says, and not only our forms may.
 * @throws HttpError 400 when the form names a field that there is not, or something else than one address stands there
 */
export function recipientOf({ mailto, data }: Submission): string | undefined {
  if (mailto === undefined) return undefined;
  const value = typeof mailto === 'string' ? data[mailto] : undefined;
  if (value === '') return undefined;
  const { success, output } = v.safeParse(Address, value);
  if (!success)
    throw new HttpError(400, 'The field that the attribute mailto names holds no e-mail address.');
  return output;
}

/** Names a recipient without telling who it is. Ways to write one mailbox count as one: capitals, `+tag`, and Gmail's dots. */
export function recipientKey(address: string, secret: string): string {
  const at = address.lastIndexOf('@');
  const domain = address.slice(at + 1).toLowerCase();
  const local = address
    .slice(0, at)
    .toLowerCase()
    .replace(/(?<=.)\+.*$/, '');
  const plain = domain === 'gmail.com' || domain === 'googlemail.com' ? local.replaceAll('.', '') : local;
  return createHmac('sha256', secret).update(`${plain}@${domain}`).digest('base64url');
}
