/** Returns the pause after the n-th failure in a row (1, 2, …), in milliseconds; undefined after the last one. */
export type Pauses = (failures: number) => number | undefined;

/** A fixed list of pauses, such as a receiver of webhooks is promised. The queue looks once a minute for what is due. */
export function inTurn(...pausesMs: number[]): Pauses {
  return (failures) => pausesMs[failures - 1];
}

/**
 * Each pause is twice the one before, up to `longestMs`; the last try is about `endMs` after the first. A random fifth more or less
 * spreads events that failed together.
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
