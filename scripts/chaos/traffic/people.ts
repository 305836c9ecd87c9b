/** The kind of a submission, which decides where it must arrive. */
export type Kind = 'plain' | 'flagged' | 'suspected' | 'invalid';

/** The first word of a submission's `name` is for its kind. */
const words: Record<Kind, string> = { plain: 'person', flagged: 'shit', suspected: 'bot', invalid: '' };

/** The n-th submission's kind: one in fifty is invalid, one in nineteen flagged by detect-slang, one in nineteen suspected. */
export function kindOf(n: number): Kind {
  if (n % 50 === 0) return 'invalid';
  if (n % 19 === 3) return 'flagged';
  return n % 19 === 12 ? 'suspected' : 'plain';
}

/** The unique name of the n-th submission. */
export function nameOf(n: number): string {
  return `${words[kindOf(n)]} ${n}`;
}

export function hasKind(name: string, kind: Kind): boolean {
  return name.startsWith(`${words[kind]} `);
}

/** All its mailboxes are full: the server answers 452. */
export const fullDomain = 'full.example';
export const isFull = (n: number) => n % 7 === 0;

/** The address of the n-th submission. */
export function emailOf(n: number): string {
  return `person-${n}@${isFull(n) ? fullDomain : 'example.org'}`;
}
