/**
 * How long to wait after the n-th failure in a row (1, 2, …), in milliseconds; undefined after the last try.
 *
 * @example
 * ```ts
 * const threeTimesAMinuteApart: Pauses = (failures) => (failures <= 3 ? 60_000 : undefined);
 * ```
 */
export type Pauses = (failures: number) => number | undefined;

/**
 * A fixed list of pauses, such as a receiver of webhooks is promised. The queue looks once a minute for what is due.
 *
 * @example
 * ```ts
 * inTurn(5_000, 300_000, 1_800_000, 7_200_000)
 * ```
 */
export function inTurn(...pausesMs: number[]): Pauses {
  return (failures) => pausesMs[failures - 1];
}

/**
 * Each pause is twice the one before, up to `longestMs`; the last try is about `endMs` after the first. A random fifth more or less
 * spreads events that failed together.
 *
 * @example
 * ```ts
 * doubling({ firstMs: 120_000, longestMs: 4 * 3_600_000, endMs: 48 * 3_600_000 })
 * ```
 */
export function doubling({
  firstMs,
  longestMs,
  endMs,
  random = Math.random,
}: {
  firstMs: number;
  longestMs: number;
  endMs: number;
  random?: () => number;
}): Pauses {
  return (failures) => {
    const pauseMs = (n: number) => Math.min(firstMs * 2 ** (n - 1), longestMs);
    let before = 0;
    for (let n = 1; n < failures && before < endMs; n += 1) before += pauseMs(n);
    if (before >= endMs) return undefined;
    return Math.round(Math.min(pauseMs(failures), endMs - before) * (0.8 + random() * 0.4));
  };
}
