/**
 * Group commit: items that arrive during a commit go together in the next one; when idle, an item goes at once.
 * `commit` returns a result for each item, in their order; when it throws, all items of that commit fail with its error.
 * @param max most items in one commit
 */
export function groupCommit<T, R>(
  commit: (items: T[]) => Promise<R[]>,
  { max }: { max: number },
): (item: T) => Promise<R> {
  let waiting: { item: T; resolve: (result: R) => void; reject: (error: unknown) => void }[] = [];
  let busy = false;

  const run = async () => {
    busy = true;
    while (waiting.length > 0) {
      const group = waiting.slice(0, max);
      waiting = waiting.slice(max);
      try {
        const results = await commit(group.map(({ item }) => item));
        for (const [index, entry] of group.entries()) {
          const result = results[index];
          if (result === undefined) entry.reject(new Error('The commit returned no result for this item.'));
          else entry.resolve(result);
        }
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    busy = false;
  };
  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      if (!busy) void run();
    });
}
