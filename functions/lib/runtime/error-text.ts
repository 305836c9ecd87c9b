import * as v from 'valibot';

/** Fits into `knativeerrordata`, which holds the first 1,024 bytes of an answer. */
const longest = 300;
/** How much of an error's message is searched for data. */
const longestSearched = 600;

/**
 * What a dead letter says about a task's unexpected error: its class, its code, and the first line of its message and of its causes'
 * messages. Errors often quote their input, so any of the event's data is masked.
 */
export function errorText(error: unknown, data: unknown): string {
  if (!(error instanceof Error)) return `The task threw a ${typeof error}, which is not an Error.`;
  return masked(lineOf(error), data).slice(0, longest);
}

/** Where it was thrown, without its message. */
export function framesOf(error: unknown): string[] {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  return stack.split('\n').flatMap((line) => /^\s+at (.*)/.exec(line)?.[1] ?? []);
}

function lineOf(error: Error, depth = 0): string {
  const { cause } = error;
  const name = error.name === 'Error' ? error.constructor.name : error.name;
  const code = 'code' in error && typeof error.code === 'string' ? ` ${error.code}` : '';
  const more = cause instanceof Error && depth < 3 ? ` (${lineOf(cause, depth + 1)})` : '';
  return `${name}${code}: ${messageOf(error)}${more}`;
}

function messageOf(error: Error): string {
  // These two errors quote their input.
  if (v.isValiError(error))
    return `wrong or missing: ${error.issues.map((issue) => v.getDotPath(issue) ?? 'the value').join(', ')}`;
  if (error instanceof SyntaxError && error.message.includes('JSON')) return 'this is not JSON';
  return error.message.split(/[\r\n]/, 1)[0]?.slice(0, longestSearched) ?? '';
}

/** Fragments of an answer are masked from this length on, and all words of a short answer that have three letters or more. */
const longFragment = 12;
const shortAnswer = 100;

function masked(text: string, data: unknown): string {
  const lower = text.toLowerCase();
  // A few letters become two in lower case, which shifts the positions.
  if (lower.length !== text.length) return masked(lower, data);
  const isHidden = Array.from({ length: text.length }, () => false);
  const hide = (from: number, length: number) => isHidden.fill(true, from, from + length);
  const answers = [...textsIn(data)].map((answer) => answer.trim().toLowerCase()).filter(Boolean);

  const words = new Set(
    answers.flatMap((answer) => (answer.length > shortAnswer ? [] : (answer.match(word) ?? []))),
  );
  for (const { 0: found, index } of lower.matchAll(word))
    if (found.length > 2 && words.has(found)) hide(index, found.length);
  for (const answer of answers) {
    for (let at = lower.indexOf(answer); at >= 0; at = lower.indexOf(answer, at + 1))
      if (
        !/[\p{L}\p{N}]{2}/u.test(pair(lower, at)) &&
        !/[\p{L}\p{N}]{2}/u.test(pair(lower, at + answer.length))
      )
        hide(at, answer.length);
    for (let at = 0; at + longFragment <= lower.length; at += 1)
      if (answer.includes(lower.slice(at, at + longFragment))) hide(at, longFragment);
  }
  return [...text.matchAll(/[^]/g)]
    .map(({ 0: one, index }) => (!isHidden[index] ? one : isHidden[index - 1] ? '' : '…'))
    .join('');
}

const word = /[\p{L}\p{M}\p{N}]+/gu;

/** The characters on both sides of a position. */
const pair = (text: string, at: number) => text.slice(Math.max(0, at - 1), at + 1);

function* textsIn(value: unknown): Generator<string> {
  if (typeof value === 'string' || typeof value === 'number') yield String(value);
  else if (typeof value === 'object' && value !== null)
    for (const inner of Object.values(value)) yield* textsIn(inner);
}
