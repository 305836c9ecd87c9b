import { domainToASCII } from 'node:url';

/** Nearly every value is ASCII, which needs only a trim. */
const printable = /^[ -~]*$/;

/** Invisible text: marks of direction, joiners, fillers, white space. U+2800 is the Braille pattern without a dot. */
const unseen = /^[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\p{Z}\u2800]*$/u;

/** Characters that come along with pasted text, at its ends. Joiners and tags belong to the letter or the emoji before them. */
const pastedAlong =
  /[\s[[\p{Cf}&&\p{Default_Ignorable_Code_Point}]--[\p{Join_Control}\u{e0000}-\u{e0fff}]]]/v;

/** Free text as it is kept: line ends as \n, no control characters, nothing invisible around it; '' if all of it is invisible. */
export function severalLines(value: string): string {
  if (printable.test(value)) return value.trim();
  const text = value
    // oxlint-disable-next-line no-control-regex -- Unicode's separators of files, groups and records
    .replace(/\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]/g, '\n')
    .replaceAll('\x1f', '\t')
    .replace(/[^\P{Cc}\n\t]/gu, '');
  if (unseen.test(text)) return '';
  let start = 0;
  let end = text.length;
  while (pastedAlong.test(text.charAt(start))) start += 1;
  while (pastedAlong.test(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

/** The same on one line. */
export function oneLine(value: string): string {
  if (printable.test(value)) return value.trim();
  return severalLines(value).replace(/[\n\t]+/g, ' ');
}

/** A number of any kind: digits of every script, full-width forms, dashes and spaces become ASCII; invisible characters are removed. */
export function numeric(value: string): string {
  if (printable.test(value)) return value.trim();
  const text = ascii(value);
  return text.length > longestNumber ? text : text.replace(/\p{Nd}/gu, digitOf);
}

const longestNumber = 100;

/** An e-mail address, its domain in the ASCII form that mail servers know (RFC 5891), so that any program can mail to it. */
export function address(value: string): string {
  if (printable.test(value)) return value.trim();
  const text = ascii(value).replaceAll('\u3002', '.');
  const domainAt = text.lastIndexOf('@') + 1;
  const domain = text.slice(domainAt);
  // domainToASCII reads anything else as the beginning of a URL, and drops what follows.
  return /^[\p{L}\p{M}\p{N}.-]+$/u.test(domain) ? text.slice(0, domainAt) + domainToASCII(domain) : text;
}

function ascii(value: string): string {
  return oneLine(value)
    .replace(/[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu, '')
    .replace(/[\uff01-\uff5e]/g, (char) => String.fromCharCode(char.charCodeAt(0) - 0xfee0))
    .replace(/[\p{Pd}\u2212]/gu, '-')
    .replace(/\s/g, ' ')
    .trim();
}

/** In Unicode the ten digits of a script are adjacent, and two scripts may be, too. */
function digitOf(digit: string): string {
  const code = digit.codePointAt(0) ?? 0;
  let zero = code;
  while (/\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
  return String((code - zero) % 10);
}
