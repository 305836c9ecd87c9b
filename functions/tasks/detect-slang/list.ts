import { createHash } from 'node:crypto';
import * as v from 'valibot';
import german from './words/de.json' with { type: 'json' };
import english from './words/en.json' with { type: 'json' };
import hindi from './words/hi-Latn.json' with { type: 'json' };
import { fold, words } from './readings.ts';

/** A word or phrase to look for, folded as texts are. Open means that it may go on there. */
export interface Word {
  term: string;
  text: string;
  openStart: boolean;
  openEnd: boolean;
}

export interface SlangList {
  words: Word[];
  /** Words and phrases in which nothing counts. */
  allowed: string[];
  /** Changes with each word: 8 hexadecimal characters. */
  version: string;
}

/** A file of `words/`, one a language: a term's forms, whole words or phrases, with `*` at an end where a word may go on. */
const Language = v.object({
  terms: v.record(v.string(), v.array(v.string())),
  allowed: v.array(v.string()),
});

/** The languages' lists and an organisation's own words. */
export function slangList({ own = [], ownAllowed = [] }: { own?: string[]; ownAllowed?: string[] } = {}) {
  const languages = [english, german, hindi].map((language) => v.parse(Language, language));
  const terms = languages.flatMap((language) => Object.entries(language.terms));
  const listed = [...terms, ...own.map((word): [string, string[]] => [word.replaceAll('*', ''), [word]])];
  const found = listed.flatMap(([term, forms]) => forms.map((form) => wordOf(term, form)));
  const allowed = [...languages.flatMap((language) => language.allowed), ...ownAllowed].map(plain);
  const version = createHash('sha256')
    .update(JSON.stringify([found, allowed]))
    .digest('hex')
    .slice(0, 8);
  return { words: found, allowed, version } satisfies SlangList;
}

function wordOf(term: string, form: string): Word {
  return { term, text: plain(form), openStart: form.startsWith('*'), openEnd: form.endsWith('*') };
}

function plain(form: string): string {
  return words(fold(form)).text.replace(/ +/g, ' ').trim();
}

/** A list with commas between its words; letters only, as digits and symbols in a text are read as letters. */
export function wordsFromEnv(description: string) {
  return v.pipe(
    v.optional(v.string(), ''),
    v.transform((list) =>
      list
        .split(',')
        .map((word) => word.trim())
        .filter(Boolean),
    ),
    v.array(
      v.pipe(
        v.string(),
        v.regex(/^\*?[\p{L}\p{M}' -]+\*?$/u, 'not words of letters with commas between them'),
        v.check((word) => plain(word).length > 1, 'a word of one letter'),
      ),
    ),
    v.description(description),
  );
}
