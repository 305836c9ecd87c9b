/**
 * The largest of the values that held within the last `windowMs`: Knative's stable window, in which an instance that
 * was needed stays. Exact, without polling: a value counts from the moment it held until `windowMs` after it changed.
 */
export function slidingMax(windowMs: number) {
  let current = 0;
  /** Values that held once, with the time they stop counting; decreasing values, increasing times. */
  const past: { value: number; until: number }[] = [];
  const forget = (now: number) => {
    while (past[0] && past[0].until <= now) past.shift();
  };
  return {
    set(value: number, now: number) {
      if (value === current) return;
      while ((past.at(-1)?.value ?? Infinity) <= current) past.pop();
      past.push({ value: current, until: now + windowMs });
      current = value;
    },
    max(now: number): number {
      forget(now);
      return Math.max(current, past[0]?.value ?? 0);
    },
    /** When `max` may be smaller than now, if at all. */
    nextChange(now: number): number | undefined {
      forget(now);
      return past[0] && past[0].value > current ? past[0].until : undefined;
    },
  };
}
