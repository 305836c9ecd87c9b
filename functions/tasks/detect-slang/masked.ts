import type { Word } from './list.ts';

/** Letters that are hidden by `*`, `#` or `%`: `f**k`, `sh*t`. Fewer than two known letters could be anything. */
export function maskedWords(
  listed: Word[],
): (text: string) => { term: string; start: number; end: number }[] {
  const candidates = listed.filter(({ text }) => /^[a-z]{4,}$/.test(text));
  const byFirst = Map.groupBy(candidates, ({ text }) => text[0] ?? '');
  return (text) => {
    // Most texts have none.
    if (!/[a-z][*#%]/.test(text)) return [];
    return [...text.matchAll(/[a-z*#%]+/g)].flatMap(({ 0: masked, index }) => {
      const trimmed = masked.replace(/^[*#%]+/, '');
      if (trimmed.length > longest || (trimmed.match(/[a-z]/g)?.length ?? 0) < 2 || !/[*#%]/.test(trimmed))
        return [];
      const start = index + masked.length - trimmed.length;
      const word = byFirst.get(trimmed[0] ?? '')?.find((one) => hides(trimmed, one));
      return word ? [{ term: word.term, start, end: start + trimmed.length }] : [];
    });
  };
}

const longest = 30;

function hides(masked: string, { text, openEnd }: Word): boolean {
  if (openEnd ? masked.length < text.length : masked.length !== text.length) return false;
  const shown = masked.slice(0, text.length);
  // Stars behind a word are footnotes or emphasis.
  return /[*#%]/.test(shown) && shown.split('').every((char, i) => char === text[i] || /[*#%]/.test(char));
}
