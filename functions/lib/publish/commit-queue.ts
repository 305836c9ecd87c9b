import { openDeadlines } from '../runtime/deadlines.ts';
import { Unavailable } from '../runtime/errors.ts';

export interface CommitQueueOptions<T> {
  /** Commits items together. When it rejects, the outcome is unknown: items are committed again until their deadline. */
  commit: (items: T[]) => Promise<void>;
  /** Bytes of an item in a commit. */
  sizeOf: (item: T) => number;
  /** Called with the first failure after a success, and with undefined at the first success after that. */
  onChange?: (failure: unknown) => void;
  /** From pushing to the answer. */
  deadlineMs: number;
  most?: { items: number; bytes: number };
  /** Most that may wait in memory. */
  mostWaiting?: { items: number; bytes: number };
  /** Most commits under way at once. */
  lanes?: number;
  /** How long the next commit waits for an unanswered one, which may hang. */
  patienceMs?: number;
}

interface Entry<T> {
  item: T;
  bytes: number;
  /** Undefined once the caller has its answer. */
  answer: { resolve: () => void; reject: (error: Unavailable) => void } | undefined;
}

const firstPauseMs = 50;
const longestPauseMs = 1_000;

/**
 * Group commit with bounds: items that arrive during a commit go together in the next one; when idle, an item goes at once.
 * @returns `push`, which resolves once the item is committed. It throws Unavailable at once when too much waits, and at the deadline,
 *   when the item may have been committed
 */
export function openCommitQueue<T>({
  commit,
  sizeOf,
  onChange = () => {},
  deadlineMs,
  most = { items: 500, bytes: 768_000 },
  mostWaiting = { items: 10_000, bytes: 32_000_000 },
  lanes = 8,
  patienceMs = 50,
}: CommitQueueOptions<T>): (item: T) => Promise<void> {
  let waiting: Entry<T>[] = [];
  let waitingBytes = 0;
  /** Of the entries whose callers wait. */
  const deadlines = openDeadlines<Entry<T>>(deadlineMs, (entry) =>
    settle(entry, notStored('not-acknowledged')),
  );
  let underWay = 0;
  let lastStart = -Infinity;
  let pauseMs = 0;
  let pausedUntil = 0;
  let lookAgain: NodeJS.Timeout | undefined;

  function pump(): void {
    clearTimeout(lookAgain);
    lookAgain = undefined;
    const now = performance.now();
    const mayStartAt = Math.max(pausedUntil, underWay === 0 ? 0 : lastStart + patienceMs);
    if (waiting.length === 0 || underWay === lanes) return;
    if (now < mayStartAt) {
      lookAgain = setTimeout(pump, Math.ceil(mayStartAt - now));
      return;
    }
    const batch = take();
    if (batch.length === 0) return;
    underWay += 1;
    lastStart = now;
    void run(batch).then(() => {
      underWay -= 1;
      pump();
    });
    pump();
  }

  function take(): Entry<T>[] {
    const batch: Entry<T>[] = [];
    let bytes = 0;
    let taken = 0;
    for (const entry of waiting) {
      if (entry.answer) {
        if (batch.length > 0 && (batch.length === most.items || bytes + entry.bytes > most.bytes)) break;
        batch.push(entry);
        bytes += entry.bytes;
      }
      waitingBytes -= entry.bytes;
      taken += 1;
    }
    waiting = waiting.slice(taken);
    return batch;
  }

  async function run(batch: Entry<T>[]): Promise<void> {
    try {
      await commit(batch.map(({ item }) => item));
      for (const entry of batch) settle(entry);
      if (pauseMs > 0) onChange(undefined);
      pauseMs = 0;
    } catch (error) {
      if (pauseMs === 0) onChange(error);
      pauseMs = Math.min(Math.max(pauseMs * 2, firstPauseMs), longestPauseMs);
      pausedUntil = performance.now() + pauseMs;
      const again = batch.filter(({ answer }) => answer);
      waiting = [...again, ...waiting];
      waitingBytes += again.reduce((sum, { bytes }) => sum + bytes, 0);
    }
  }

  function settle(entry: Entry<T>, error?: Unavailable): void {
    deadlines.delete(entry);
    if (error) entry.answer?.reject(error);
    else entry.answer?.resolve();
    entry.answer = undefined;
  }

  return (item) => {
    const bytes = sizeOf(item);
    if (waiting.length >= mostWaiting.items || waitingBytes + bytes > mostWaiting.bytes)
      return Promise.reject(notStored('queue-full'));
    return new Promise((resolve, reject) => {
      const entry = { item, bytes, answer: { resolve, reject } };
      waiting.push(entry);
      waitingBytes += bytes;
      deadlines.add(entry);
      // Otherwise a timer does it.
      if (!lookAgain) pump();
    });
  };
}

function notStored(reason: string): Unavailable {
  return new Unavailable('The submission could not be stored right now; please send it again.', { reason });
}
