/**
 * Deadlines that are all equally far away, with one timer for the oldest: a timer for each costs as much as reading a small body.
 * @param ms from `add` to `expire`, unless the item is deleted before
 */
export function openDeadlines<T>(ms: number, expire: (item: T) => void) {
  /** With the times at which they expire, the oldest first. */
  const open = new Map<T, number>();
  let timer: NodeJS.Timeout | undefined;

  function watch(): void {
    const [oldest] = open.values();
    if (oldest === undefined) return;
    // What waits for an item keeps the process alive, not its deadline.
    timer = setTimeout(look, Math.ceil(oldest - performance.now())).unref();
  }

  function look(): void {
    timer = undefined;
    const now = performance.now();
    for (const [item, at] of open) {
      if (at > now) break;
      open.delete(item);
      expire(item);
    }
    watch();
  }

  return {
    add(item: T): void {
      open.set(item, performance.now() + ms);
      if (!timer) watch();
    },
    delete(item: T): void {
      open.delete(item);
    },
  };
}
