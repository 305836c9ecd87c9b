import * as v from 'valibot';

/**
 * One e-mail address as browsers know it, and as mail servers take it: a dot in its domain, whose last part begins with a letter;
 * before the @ at most 64 characters, whose dots stand alone between others; at most 254 in all (RFC 5321, 4.1.2 and 4.5.3.1). ASCII
 * only, and no space, comma, quote, bracket or line end: nothing in it can mean a second address, a name or another header.
 */
export function emailAddress(message: string) {
  return v.pipe(
    v.string(message),
    v.maxLength(254, message),
    v.rfcEmail(message),
    v.regex(/^[^.@]+(?:\.[^.@]+)*@.+\.[A-Za-z][^.]*$/, message),
    v.check((address) => address.indexOf('@') <= 64, message),
  );
}
