const FIRST_MS = 100;
const LONGEST_MS = 10_000;

/** The pause after starts that failed: twice as long after each. `now` are milliseconds that go up. */
export function openBackoff() {
  let failures = 0;
  let until = 0;
  let cause: unknown;
  return {
    /** Returns the pause's length. */
    failed(error: unknown, now: number): number {
      cause = error;
      failures += 1;
      const pauseMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** (failures - 1));
      until = now + pauseMs;
      return pauseMs;
    },
    /** The next failure is the first one again; a pause that has begun is not shortened. */
    succeeded() {
      failures = 0;
    },
    until: () => until,
    /** What failed last. */
    cause: () => cause,
  };
}
