/** The result of a benchmark, all from one run of the program. */
export interface Measured {
  /** The machine and the method, in a sentence. */
  how: string;
  tables: Table[];
  goals: Goal[];
  /** Number of answers that should not have come, where these do not end the run. Figures with any are not saved. */
  errors?: number;
  /** Saved in scripts/bench/results/. */
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

/** A goal for one number. */
export function goalOf(goal: string, value: number, isReached: (value: number) => boolean): Goal {
  return { goal, measured: String(Number(value.toPrecision(3))), isReached: isReached(value) };
}
