import * as v from 'valibot';

/**
 * One e-mail address as browsers know it, with a dot in its domain, of at most 254 characters (RFC 5321, 4.5.3.1.3). ASCII
 * only, and no space, comma, quote, bracket or line end: nothing in it can mean a second address, a name or another header.
 */
export function emailAddress(message: string, notText = message) {
  return v.pipe(
    v.string(notText),
    v.rfcEmail(message),
    v.regex(/@.+\..+$/, message),
    v.maxLength(254, message),
  );
}
