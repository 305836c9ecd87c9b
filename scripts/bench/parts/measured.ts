/** The result of a benchmark, all from one run of the program. */
export interface Measured {
  /** The machine and the method, in a sentence. */
  how: string;
  tables: Table[];
  goals: Goal[];
  /** Written to scripts/bench/results/. */
  plots: { file: string; svg: string }[];
}

export interface Table {
  title: string;
  /** All with the same columns. */
  rows: Record<string, string | number>[];
}

export interface Goal {
  goal: string;
  measured: string;
  isReached: boolean;
}
