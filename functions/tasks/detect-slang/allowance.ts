/** Characters on either side of a match in which an allowed phrase is looked for: a bound, so that no text makes it slow. */
const reach = 60;

/**
 * Says whether a match in a reading is part of an allowed word or phrase. The phrase has to stand there as a whole: "pussy willow"
 * allows nothing in "willow, pussy". Of a match of several words the first one counts.
 */
export function allowance(allowed: string[]): (text: string, start: number, end: number) => boolean {
  const phrases = new Map<string, { before: string; after: string }[]>();
  for (const phrase of allowed) {
    const parts = phrase.split(' ');
    for (const [i, part] of parts.entries()) {
      const before = ['', ...parts.slice(0, i)].join(' ');
      const after = [...parts.slice(i + 1), ''].join(' ');
      phrases.set(part, [...(phrases.get(part) ?? []), { before, after }]);
    }
  }
  return (text, start, end) => {
    const head = /\S*$/.exec(text.slice(Math.max(0, start - reach), start))?.[0] ?? '';
    const from = start - head.length;
    const word = /^\S*/.exec(text.slice(from, end + reach))?.[0] ?? '';
    const around = phrases.get(word);
    if (!around) return false;
    const left = ` ${text.slice(Math.max(0, from - reach), from)}`.replace(/ +/g, ' ').trimEnd();
    const right = `${text.slice(from + word.length, end + reach)} `.replace(/ +/g, ' ').trimStart();
    return around.some(({ before, after }) => left.endsWith(before) && right.startsWith(after));
  };
}
