export interface Submitted {
  /** Ids that were answered 202, with the value of their field `name`. */
  accepted: Map<string, string>;
  /** Values of `name` whose submission got no answer: they may stand in the sheet once, or not at all. */
  unknown: Set<string>;
}

export interface Comparison {
  lost: string[];
  duplicated: string[];
  /** Rows that stand under an id with what somebody else submitted, or that nobody submitted. */
  wrong: string[];
  /** Submissions without an answer that arrived nevertheless. */
  unknownArrived: number;
  /** Rows that are older than the row above them: those whose delivery had to be tried again. */
  late: number;
}

/** Compares what was submitted with the rows of all tabs, id by id. */
export function compare({ accepted, unknown }: Submitted, tabs: Record<string, string>[][]): Comparison {
  const rows = tabs.flat();
  const times = Map.groupBy(rows, ({ id = '' }) => id);
  const isWrong = ({ id = '', name = '' }: Record<string, string>) =>
    accepted.has(id) ? accepted.get(id) !== name : !unknown.has(name);
  return {
    lost: [...accepted.keys()].filter((id) => !times.has(id)),
    duplicated: [...times].filter(([, same]) => same.length > 1).map(([id]) => id),
    wrong: rows.filter(isWrong).map(({ id = '' }) => id),
    unknownArrived: rows.filter(({ id = '', name = '' }) => !accepted.has(id) && unknown.has(name)).length,
    late: tabs
      .map((tab) => tab.filter(({ time = '' }, i) => time < (tab[i - 1]?.['time'] ?? '')).length)
      .reduce((a, b) => a + b, 0),
  };
}
