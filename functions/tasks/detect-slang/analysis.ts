import type { Submission } from 'formbus';
import type { Finding } from './slang.ts';

/** What moderators get: what was found and where, and of the submission a few words around it, no more. */
export interface Analysis {
  /** The submission's id. */
  submission: string;
  /** Names of the fields in which something was found. */
  fields: string[];
  /** As the list has them, each once. */
  terms: string[];
  /** How often something was found. */
  findings: number;
  /** The first ones, a line each: `field: … words around [what was found] and behind …`. */
  excerpts: string;
  /** The list's version. */
  list: string;
}

const maxExcerpts = 10;
/** In UTF-16 units, on either side; what was found is cut as well if it is longer than twice of it. */
const around = 30;

/** Looks at every text of a submission, those in lists included. */
export function analysisOf(
  { id, data }: Pick<Submission, 'id' | 'data'>,
  { find, list }: { find: (text: string) => Finding[]; list: string },
): Analysis {
  const found = Object.entries(data).flatMap(([field, value]) =>
    [value]
      .flat()
      .flatMap((text) =>
        typeof text === 'string' ? find(text).map((finding) => ({ field, text, ...finding })) : [],
      ),
  );
  return {
    submission: id,
    fields: [...new Set(found.map(({ field }) => field))],
    terms: [...new Set(found.map(({ term }) => term))],
    findings: found.length,
    excerpts: found
      .slice(0, maxExcerpts)
      .map(({ field, text, start, end }) => `${field}: ${excerpt(text, start, end)}`)
      .join('\n'),
    list,
  };
}

function excerpt(text: string, start: number, end: number): string {
  const from = Math.max(0, start - around);
  const to = Math.min(text.length, end + around);
  const inner =
    end - start > 2 * around ? `${text.slice(start, start + 2 * around)} …` : text.slice(start, end);
  const shown = `${from > 0 ? '… ' : ''}${text.slice(from, start)}[${inner}]${text.slice(end, to)}${to < text.length ? ' …' : ''}`;
  // A line each, and no half of a character at the cuts.
  return shown.toWellFormed().replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}
