import { createHash } from 'node:crypto';
import * as v from 'valibot';
import german from './words/de.json' with { type: 'json' };
import english from './words/en.json' with { type: 'json' };
import french from './words/fr.json' with { type: 'json' };
import hindi from './words/hi-Latn.json' with { type: 'json' };
import dutch from './words/nl.json' with { type: 'json' };
import nordic from './words/nordic.json' with { type: 'json' };
import { fold, words } from './readings.ts';

/** A word or phrase to look for, folded as texts are. Open means that the word may go on there. */
export interface Word {
  term: string;
  text: string;
  /** Whose list it is from; none for an organisation's own. */
  language?: Language;
  openStart: boolean;
  openEnd: boolean;
}

export interface SlangList {
  words: Word[];
  languages: Language[];
  /** Words and phrases in which nothing counts. */
  allowed: string[];
  /** Changes with each word: 8 hexadecimal characters. */
  version: string;
}

const folded = v.pipe(
  v.array(v.string()),
  v.transform((forms) => new Set(forms.map(plain))),
);

/**
 * A file of `words/`, one for each language: a term's forms, whole words or phrases, with `*` at an end where a word may go on. `marks` are
 * words by which a text of that language is known; in such a text no other language's list judges those that are `common` there.
 */
const Language = v.object({
  terms: v.record(v.string(), v.array(v.string())),
  allowed: v.array(v.string()),
  marks: folded,
  common: folded,
});
type Language = v.InferOutput<typeof Language>;

/** The languages' lists and an organisation's own words. */
export function slangList({ own = [], ownAllowed = [] }: { own?: string[]; ownAllowed?: string[] } = {}) {
  const files = [english, german, hindi, french, dutch, nordic];
  const languages = files.map((language) => v.parse(Language, language));
  const listed = languages.flatMap((language) =>
    Object.entries(language.terms).flatMap(([term, forms]) =>
      forms.map((form) => ({ ...wordOf(term, form), language })),
    ),
  );
  const found: Word[] = [...listed, ...own.map((word) => wordOf(word.replaceAll('*', ''), word))];
  const allowed = [...languages.flatMap((language) => language.allowed), ...ownAllowed].map(plain);
  const version = createHash('sha256')
    .update(JSON.stringify([files, own, allowed]))
    .digest('hex')
    .slice(0, 8);
  return { words: found, languages, allowed, version } satisfies SlangList;
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
