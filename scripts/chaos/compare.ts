export interface Submitted {
  /** Ids that were answered 202, with the value of their field `name`, which no two submissions share; `message` or `roll` has the same. */
  accepted: Map<string, string>;
  /** Values of `name` whose submission got no answer, or a 503: they may stand in the sheet once, or not at all. */
  unknown: Set<string>;
}

export interface Comparison {
  lost: string[];
  /** Ids that stand more than once, and ids of rows that stand under several ids though they were submitted once. */
  duplicated: string[];
  /** Rows that stand under an id with what somebody else submitted, that nobody submitted, or whose values stand in other columns than theirs. */
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
 * Compares what was submitted with the rows of all tabs, id by id.
 *
 * Order: a batch is sorted by time, so going down a tab the time falls only where a batch begins, with a row whose delivery had to
 * be tried again. From outside nobody sees where batches begin, but how many there were: a tab with more falls than that was not sorted.
 * @param batches how many batches were written at most
 */
export function compare(
  { accepted, unknown }: Submitted,
  tabs: Record<string, string>[][],
  { batches = Infinity }: { batches?: number } = {},
): Comparison {
  const rows = tabs.flat();
  const byId = Map.groupBy(rows, ({ id = '' }) => id);
  const byName = Map.groupBy(rows, ({ name = '' }) => name);
  const several = [...byId.values(), ...byName.values()].filter((same) => same.length > 1).flat();
  const isWrong = ({ id = '', name = '', ...others }: Record<string, string>) =>
    (accepted.has(id) ? accepted.get(id) !== name : !unknown.has(name)) ||
    (others['message'] ?? others['roll'] ?? name) !== name;
  const falls = tabs.map(fallsOf);
  return {
    lost: [...accepted.keys()].filter((id) => !byId.has(id)),
    duplicated: [...new Set(several.map(({ id = '' }) => id))],
    wrong: rows.filter(isWrong).map(({ id = '' }) => id),
    unknownArrived: rows.filter(({ id = '', name = '' }) => !accepted.has(id) && unknown.has(name)).length,
    late: falls.flat().length,
    latestSeconds: Math.max(0, ...falls.flat()) / 1_000,
    outOfOrder: falls.reduce((sum, { length }) => sum + Math.max(0, length - (batches - 1)), 0),
  };
}

/** By how many milliseconds rows are older than the row above them, where they are. */
function fallsOf(tab: Record<string, string>[]): number[] {
  const times = tab.map(({ time = '' }) => Date.parse(time));
  return times.map((time, i) => (times[i - 1] ?? time) - time).filter((ms) => ms > 0);
}
