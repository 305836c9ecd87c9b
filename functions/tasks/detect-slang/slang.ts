import { collapseDuplicatesTransformer, parseRawPattern, RegExpMatcher, type ParsedPattern } from 'obscenity';
import { allowance } from './allowance.ts';
import { containsAny } from './contains-any.ts';
import type { SlangList, Word } from './list.ts';
import { maskedWords } from './masked.ts';
import { fold, joined, leetWords, words, type Reading } from './readings.ts';

export interface Finding {
  /** As the list has it. */
  term: string;
  /** UTF-16 units of the text, from `start` up to before `end`. */
  start: number;
  end: number;
}

/** Finds the list's words in a text. Takes time in proportion to the text's length, whatever the text is. */
export function slangFinder({ words: listed, languages, allowed }: SlangList): (text: string) => Finding[] {
  const patterns = listed.map((word) => ({ word, key: squeeze(edged(word)), pattern: lazyPattern(word) }));
  const mayHaveWord = containsAny(patterns.map(({ key }) => key));
  const isAllowed = allowance(allowed);
  const masked = maskedWords(listed);

  const read = ({ text, at }: Reading, original: string, isForeign: Foreign): Finding[] => {
    // Compiling hundreds of patterns would be most of a cold start; nearly all are ruled out by a look for their letters.
    const squeezed = squeeze(` ${text} `);
    if (!mayHaveWord(squeezed)) return [];
    const possible = patterns.filter(({ key }) => squeezed.includes(key));
    const matcher = new RegExpMatcher({
      blacklistedTerms: possible.map(({ pattern }, id) => ({ id, pattern: pattern() })),
      // Two of each repeated letter stay, so that "as" does not match "ass".
      blacklistMatcherTransformers: [collapseDuplicatesTransformer({ defaultThreshold: 2 })],
    });
    return matcher.getAllMatches(text).flatMap(({ termId, startIndex, endIndex }) => {
      const word = possible[termId]?.word;
      if (!word || isAllowed(text, startIndex, endIndex + 1)) return [];
      const found = text.slice(startIndex, endIndex + 1).trim();
      if (isAnotherWord(found, word) || isForeign(found, word)) return [];
      const finding = { term: word.term, ...placeIn(original, at, startIndex, endIndex) };
      return isPlausible(original, finding, word) ? [finding] : [];
    });
  };

  return (original) => {
    const folded = fold(original);
    const plain = words(folded);
    const leet = leetWords(folded);
    const together = leetWords(joined(folded, original));
    const isForeign = foreignTo(plain.text, languages);
    const readings = [plain, leet, together].filter(
      ({ text }, i, all) => all.findIndex((one) => one.text === text) === i,
    );
    const stars = masked(folded.text).map(({ term, start, end }) => ({
      term,
      ...placeIn(original, folded.at, start, end - 1),
    }));
    return withoutOverlaps([...readings.flatMap((reading) => read(reading, original, isForeign)), ...stars]);
  };
}

/** The word with a space where it has an edge. Edges are known of Latin letters only. */
function edged({ text, openStart, openEnd }: Word): string {
  const start = openStart || !/^[a-z]/.test(text) ? '' : ' ';
  const end = openEnd || !/[a-z]$/.test(text) ? '' : ' ';
  return start + text + end;
}

/** In obscenity's syntax: `|` a word's edge, `[x]` an x or none. */
function lazyPattern(word: Word): () => ParsedPattern {
  let parsed: ParsedPattern | undefined;
  return () => (parsed ??= parseRawPattern(patternOf(edged(word))));
}

function patternOf(text: string): string {
  const letters = text
    .trim()
    .replace(/(.)\1*/gsu, (run, char: string) => (run === char ? `${char}[${char}]` : char + char));
  return (text.startsWith(' ') ? '|' : '') + letters + (text.endsWith(' ') ? '|' : '');
}

/** One of each repeated letter stays. */
function squeeze(text: string): string {
  return text.replace(/(.)\1+/gsu, '$1');
}

function placeIn(original: string, at: number[], first: number, last: number) {
  const lastStart = at[last] ?? 0;
  const width = (original.codePointAt(lastStart) ?? 0) > 0xffff ? 2 : 1;
  return { start: at[first] ?? 0, end: lastStart + width };
}

/** A stretched word repeats a consonant more than twice: "Fagott" is not "fagot". */
function isAnotherWord(found: string, { text }: Word): boolean {
  const runs = (letters: string) => letters.match(/([a-z])\1*/g) ?? [];
  const wanted = runs(text);
  return runs(found).some((run, i) => /^([^aeiouy])\1$/.test(run) && wanted[i] === run[0]);
}

type Foreign = (found: string, word: Word) => boolean;

/** Whether a word is common in the language of the text, and slang only in another. */
function foreignTo(text: string, languages: SlangList['languages']): Foreign {
  const marks = new Map<SlangList['languages'][number], number>();
  return (found, { language }) => {
    if (!language || !languages.some(({ common }) => common.has(found))) return false;
    if (marks.size === 0) {
      const said = text.split(/ +/);
      for (const one of languages) marks.set(one, said.filter((word) => one.marks.has(word)).length);
    }
    const own = marks.get(language) ?? 0;
    return languages.some((one) => one !== language && one.common.has(found) && (marks.get(one) ?? 0) > own);
  };
}

/** Digits alone, or with fewer letters, are a number or a code (A55, P155, SH12), as are capitals and a number behind them. */
function isPlausible(original: string, { start, end }: Finding, { text }: Word): boolean {
  const found = original.slice(start, end);
  const digits = found.match(/\d/g)?.length ?? 0;
  const letters = found.match(/[a-z]|[^\0-\x7f]/gi)?.length ?? 0;
  if (letters === 0 || letters < digits || (digits > 0 && (letters === digits || text.length <= 3)))
    return false;
  if (/\p{Ll}/u.test(found) || (text.length > 3 && /^\p{L}+$/u.test(found))) return true;
  return !/\d$/.test(found) && !/^[-/ ]?\d/.test(original.slice(end, end + 2));
}

function withoutOverlaps(findings: Finding[]): Finding[] {
  const kept: Finding[] = [];
  for (const finding of findings.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    if (finding.start >= (kept.at(-1)?.end ?? 0)) kept.push(finding);
  }
  return kept;
}
