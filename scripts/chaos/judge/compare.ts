import { hasKind } from '../traffic/people.ts';

export interface Submitted {
  /** Ids that were answered 202, with the value of their field `name`, which no two submissions share; `message` or `roll` has the same. */
  accepted: Map<string, string>;
  /** Values of `name` whose submission got no answer, or a 503: they may stand in the sheet once, or not at all. */
  unknown: Set<string>;
}

/** By column heading. */
export type Row = Record<string, string>;

export interface Comparison {
  /** Ids of submissions, and of what detect-slang had to say of those that stand in their tab. */
  lost: string[];
  /** Ids that stand more than once, and ids of rows that stand under several ids though they were submitted once. */
  duplicated: string[];
  /** Rows that stand under an id with what somebody else submitted, that nobody submitted, in another tab than theirs, or whose values stand in other columns than theirs. */
  wrong: string[];
  /** Submissions without an answer that arrived nevertheless. */
  unknownArrived: number;
  /** Rows that are older than the row above them, and by how many seconds at most. */
  late: number;
  latestSeconds: number;
  /** Of those rows, the ones that can't be the first row of a batch, because there are more of them in a tab than batches. */
  outOfOrder: number;
}

/**
 * Compares what was submitted with the rows of all tabs, id by id. What is suspected stands in the moderators' tab only; what is
 * flagged in its own, and detect-slang's row about it in the moderators'.
 *
 * Order: a batch is sorted by time, so going down a tab the time falls only where a batch begins, with a row whose delivery had to
 * be tried again. From outside nobody sees where batches begin, but how many there were: a tab with more falls than that was not sorted.
 * @param batches how many batches were written at most
 */
export function compare(
  { accepted, unknown }: Submitted,
  tabs: Row[][],
  { batches = Infinity }: { batches?: number } = {},
): Comparison {
  const rows = tabs.flat();
  const submissions = rows.filter(({ type }) => type !== 'form.analyzed');
  const analyses = rows.filter(({ type }) => type === 'form.analyzed');
  const byId = Map.groupBy(rows, ({ id = '' }) => id);
  const byName = Map.groupBy(submissions, ({ name = '' }) => name);
  const several = [...byId.values(), ...byName.values()].filter((same) => same.length > 1).flat();
  const known = new Map([...submissions.map(({ id = '', name = '' }) => [id, name] as const), ...accepted]);
  const flagged = new Set([...known].flatMap(([id, name]) => (hasKind(name, 'flagged') ? [id] : [])));
  const isWrong = (row: Row) => {
    const { id = '', name = '' } = row;
    const isKnown = accepted.has(id) ? accepted.get(id) === name : unknown.has(name);
    return !isKnown || !isInItsTab(row) || secondOf(row) !== name;
  };
  const isWrongAnalysis = ({ id = '', 'analyzed.submission': of = '' }: Row) =>
    !flagged.has(of) || id !== analysisOf(of);
  const falls = tabs.map(fallsOf);
  return {
    lost: [...accepted.keys(), ...[...flagged].map(analysisOf)].filter((id) => !byId.has(id)),
    duplicated: [...new Set(several.map(({ id = '' }) => id))],
    wrong: [...submissions.filter(isWrong), ...analyses.filter(isWrongAnalysis)].map(({ id = '' }) => id),
    unknownArrived: submissions.filter(({ id = '', name = '' }) => !accepted.has(id) && unknown.has(name))
      .length,
    late: falls.flat().length,
    latestSeconds: Math.max(0, ...falls.flat()) / 1_000,
    outOfOrder: falls.reduce((sum, { length }) => sum + Math.max(0, length - (batches - 1)), 0),
  };
}

/** The id of what detect-slang says about a submission. */
function analysisOf(id: string): string {
  return `${id}/detect-slang`;
}

/** Only the moderators' tab has a column `type`. */
function isInItsTab({ name = '', type }: Row): boolean {
  return (type === 'form.suspected') === hasKind(name, 'suspected');
}

/** The other field that has the name. The moderators' tab has the columns of all forms, and says which form it is. */
function secondOf({ name, message, roll, form }: Row): string | undefined {
  return form === undefined ? (message ?? roll ?? name) : message || roll;
}

/** By how many milliseconds rows are older than the row above them, where they are. */
function fallsOf(tab: Row[]): number[] {
  const times = tab.map(({ time = '' }) => Date.parse(time));
  return times.map((time, i) => (times[i - 1] ?? time) - time).filter((ms) => ms > 0);
}
