import { resolveConfusablesTransformer, resolveLeetSpeakTransformer } from 'obscenity';

/** A text as a person may read it; `at` maps each of its UTF-16 units to its place in the original. */
export interface Reading {
  text: string;
  at: number[];
}

/** Made when the first text needs it: thousands of characters, and a cold start should be short. */
let confusables: ReturnType<typeof resolveConfusablesTransformer> | undefined;
const leet = resolveLeetSpeakTransformer();

/** Characters that are not seen, and marks that are set on letters of any script (of Indic ones they are vowels, which stay). */
const unseen = /^[\p{Script=Inherited}\p{Default_Ignorable_Code_Point}\p{Cf}]$/u;
const letter = /^[\p{L}\p{M}]$/u;
/** Obscenity takes the first for a B and the second for an l. */
const ownLetters = new Map([
  ['ß', 'ss'],
  ['ẞ', 'ss'],
  ['ı', 'i'],
  ['æ', 'ae'],
  ['œ', 'oe'],
]);
/** In addition to obscenity's own. */
const ownLeet = new Map([
  ['8', 'b'],
  ['9', 'g'],
  ['+', 't'],
]);

/** Letters without accents, in lower case, look-alikes of other scripts as the Latin ones; unseen characters gone. */
export function fold(original: string): Reading {
  const at: number[] = [];
  let text = '';
  for (let index = 0; index < original.length;) {
    const char = String.fromCodePoint(original.codePointAt(index) ?? 0);
    const folded = foldCharacter(char);
    text += folded;
    for (let unit = 0; unit < folded.length; unit += 1) at.push(index);
    index += char.length;
  }
  return { text, at };
}

function foldCharacter(char: string): string {
  if (char <= '\x7f') return char.toLowerCase();
  let folded = '';
  const parts = ownLetters.get(char) ?? char.normalize('NFKD');
  // Some Arabic ligatures are 18 letters each: nobody hides Latin words in those.
  for (const part of parts.length <= 4 ? parts : char) {
    if (part <= '\x7f') folded += part.toLowerCase();
    else if (!unseen.test(part)) folded += latin(part);
  }
  return folded;
}

function latin(char: string): string {
  confusables ??= resolveConfusablesTransformer();
  const code = confusables.transform(char.codePointAt(0) ?? 0);
  const found = code === undefined ? '' : String.fromCodePoint(code).toLowerCase();
  return found <= '\x7f' || letter.test(found) ? found : ' ';
}

/** Its words: everything but letters separates them. */
export function words({ text, at }: Reading): Reading {
  return { text: text.replace(/[^a-z\x80-\u{10ffff}]/gu, ' '), at };
}

/** As `words`, but digits and symbols stand for letters: `sh1t`, `a$$`, `b!tch`. */
export function leetWords({ text, at }: Reading): Reading {
  const between = text.replace(/(?<=[a-z\d@$\x80-\uffff])[!|(+]+(?=[a-z\d@$\x80-\uffff])/g, (symbols) =>
    symbols.replace(/./g, leetLetter),
  );
  return words({ text: between.replace(/[\d@$]/g, leetLetter), at });
}

function leetLetter(char: string): string {
  const own = ownLeet.get(char);
  return own ?? String.fromCodePoint(leet.transform(char.charCodeAt(0)) ?? 32);
}

/**
 * Letters that were set apart are joined: `f u c k`, `f.u.c.k`, `sh.it`. Spaces between whole words stay, as does what separates two
 * words or a word and a name; dots and dashes of an address separate words.
 */
export function joined({ text, at }: Reading, original: string): Reading {
  const isKept = addressesIn(text);
  const gaps = [
    ...[...text.matchAll(apart)].filter(({ 0: gap, index }) => isWithinWord(index, gap.length)),
    ...[...text.matchAll(single)].flatMap((run) =>
      [...run[0].matchAll(/[^a-z\d@$!|\x80-\uffff]+/g)].map((gap) => ({
        0: gap[0],
        index: run.index + gap.index,
      })),
    ),
  ].filter(({ index }) => !isKept(index));
  if (gaps.length === 0) return { text, at };
  const dropped = new Uint8Array(text.length);
  for (const { 0: gap, index } of gaps) dropped.fill(1, index, index + gap.length);
  let kept = '';
  for (let unit = 0; unit < text.length; unit += 1) if (!dropped[unit]) kept += text[unit];
  return { text: kept, at: at.filter((_, unit) => !dropped[unit]) };

  function isWithinWord(index: number, length: number): boolean {
    const before = /[a-z\d@$\x80-\uffff]{1,3}$/.exec(text.slice(Math.max(0, index - 3), index))?.[0] ?? '';
    const after =
      /^[a-z\d@$\x80-\uffff]{1,3}/.exec(text.slice(index + length, index + length + 3))?.[0] ?? '';
    if (before.length > 2 && after.length > 2) return false;
    const [last, next] = [at[index - 1] ?? 0, at[index + length] ?? 0].map((place) => original[place] ?? '');
    // A small letter, a dot and a capital one: something new begins.
    return !(/\p{Ll}/u.test(last ?? '') && /\p{Lu}/u.test(next ?? ''));
  }
}

const apart = /(?<=[a-z\d@$\x80-\uffff])[-._~:;,]+(?=[a-z\d@$\x80-\uffff])/g;

/** Mail and web addresses, from space to space. */
const address = /(?<!\S)(?:[^\s@]{1,100}@[^\s@]{1,200}\.[^\s@]|(?:[a-z]{2,10}:\/\/|www\.)\S)\S*/g;

function addressesIn(text: string): (index: number) => boolean {
  const inside = new Uint8Array(text.length);
  for (const { 0: found, index } of text.matchAll(address)) inside.fill(1, index, index + found.length);
  return (index) => inside[index] === 1;
}

/** Three single letters or more with one or two other characters between each. */
const single =
  /(?<![a-z\d@$!|\x80-\uffff])[a-z\d@$!|\x80-\uffff](?:[^a-z\d@$!|\x80-\uffff]{1,2}[a-z\d@$!|\x80-\uffff](?![a-z\d@$!|\x80-\uffff])){2,}/g;
