import { hasKind } from '../traffic/people.ts';
import type { Submitted } from '../traffic/submitted.ts';

/** By column heading. */
export type Row = Record<string, string>;

export interface Comparison {
  /** Ids of accepted submissions, and of detect-slang's analyses of flagged ones, that have no row. */
  lost: string[];
  /** Ids with several rows, and the ids of rows whose submission was sent once but has several ids. */
  duplicated: string[];
  /** Rows with another submission's values, with values that nobody submitted, in the wrong tab, or in the wrong columns. */
  wrong: string[];
  /** Submissions without an answer that arrived. */
  unknownArrived: number;
  /** Rows that are older than the row above them, and by how many seconds at most. */
  late: number;
  latestSeconds: number;
  /** Of those rows, the ones that cannot be the first of a batch, because the tab has more of them than batches. */
  outOfOrder: number;
}

/**
 * Compares submissions with the rows of all tabs, id by id. A suspected submission is in the moderators' tab only; a flagged one in its
 * own tab, with detect-slang's analysis in the moderators'.
 *
 * Order: each batch is sorted by time, so down a tab the time falls only where a batch begins with a row that was delivered late. The
 * judge does not see where batches begin, but knows how many there were: more falls mean that a batch was not sorted.
 * @param batches the most batches that can have been written
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

/** The id of detect-slang's analysis of a submission. */
function analysisOf(id: string): string {
  return `${id}/detect-slang`;
}

/** Only the moderators' tab has a column `type`. */
function isInItsTab({ name = '', type }: Row): boolean {
  return (type === 'form.suspected') === hasKind(name, 'suspected');
}

/** The other field that contains the name. The moderators' tab has the columns of all forms, and one for the form's name. */
function secondOf({ name, message, roll, form }: Row): string | undefined {
  return form === undefined ? (message ?? roll ?? name) : message || roll;
}

/** For each row that is older than the row above it: by how many milliseconds. */
function fallsOf(tab: Row[]): number[] {
  const times = tab.map(({ time = '' }) => Date.parse(time));
  return times.map((time, i) => (times[i - 1] ?? time) - time).filter((ms) => ms > 0);
}
