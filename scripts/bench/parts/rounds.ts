import { median } from './stats.ts';

/** What was measured of each variant in each round. */
export interface Rounds<T> {
  add(variant: string, run: T): void;
  all(variant: string): T[];
  median(variant: string, figure: (run: T) => number): number;
  /** The ratio within each round, then the median, because other work on the machine slows both down. */
  ratio(variant: string, to: string, figure: (run: T) => number): number;
}

export function openRounds<T>(): Rounds<T> {
  const found = new Map<string, T[]>();
  const all = (variant: string) => found.get(variant) ?? [];
  return {
    add: (variant, run) => void found.set(variant, [...all(variant), run]),
    all,
    median: (variant, figure) => median(all(variant).map(figure)),
    ratio(variant, to, figure) {
      const others = all(to).map(figure);
      return median(all(variant).map((run, i) => figure(run) / (others[i] ?? Number.NaN)));
    },
  };
}
